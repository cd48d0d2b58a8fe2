"""The mock auth server and the demo's file server, in parts; `serve.py` is their command line."""
