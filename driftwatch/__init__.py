"""driftwatch: watches cloud configuration and flags every change that no authorised change record covers."""

__version__ = "0.1.0"
