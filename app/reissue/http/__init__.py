"""What goes over the wire, how it is read, and what an answer means for the token that was sent. Holds no token."""
