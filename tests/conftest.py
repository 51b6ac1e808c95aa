"""What all tests share: how thoroughly properties are tried."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("quick", max_examples=25)  # the developer's loop; the whole suite takes hypothesis's own number
settings.register_profile("soak", max_examples=10_000, deadline=None)
