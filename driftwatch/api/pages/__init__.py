"""The web pages, one module a noun: each has `routes`. They say what the API says, and act through the same operations."""
