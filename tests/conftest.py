"""What all tests share: how thoroughly properties are tried. How fast a busy machine runs an example is no property."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("whole", deadline=None)
settings.register_profile("quick", max_examples=25, deadline=None)  # the developer's loop
settings.register_profile("soak", max_examples=10_000, deadline=None)
settings.load_profile("whole")
