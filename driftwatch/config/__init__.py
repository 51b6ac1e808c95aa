"""The settings: driftwatch.yaml with DRIFTWATCH_A__B environment variables over it, refused with file, line and column."""

from driftwatch.config.key import installation_key
from driftwatch.config.loading import load, schema
from driftwatch.config.model import Config

__all__ = ["Config", "installation_key", "load", "schema"]
