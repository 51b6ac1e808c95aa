"""How the sources reach a log: accounts and calls, objects and their keys, what was read already."""
