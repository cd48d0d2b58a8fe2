"""`docs/` as a site beside the demo: its pages, a search over all of them, and code that runs in the page.

- `pages` renders each document
- `search` makes the index that `page/search.js` reads
- `runnable` puts a button beside the code that `page/run.js` and `page/run.py` run
"""

from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).with_name("page")
"""What every page of the documents consists of, and the scripts of some."""
