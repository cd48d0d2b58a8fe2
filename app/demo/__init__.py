"""The demo page. The code of each card is in the module with the name of its `id` in index.html.

startup, entrance, account, notes, panel: one card each. The card `lab` has one more file for each of its headings.
What they share: words (sentences in the page's language), client (the API, and failures in words), page (elements).
"""
