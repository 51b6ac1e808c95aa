"""Bytes of YAML or JSON become values here, strictly: with line and column, every problem of a file at once, and never half a value."""
