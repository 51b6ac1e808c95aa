"""The routes, one module a noun: each has `routes`, and the application finds it by itself."""
