"""The product listener: the HTTP API, and signing in."""
