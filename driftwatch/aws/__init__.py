"""The AWS adapter: the catalogue of resource types, and the code that reads them."""
