"""One sign-in to one sign-out: the session, its refresh, and the calls to the endpoint."""
