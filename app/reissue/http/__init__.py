"""What goes over the wire, and how it is read: messages, URLs, header fields. Knows nothing of tokens or sessions."""
