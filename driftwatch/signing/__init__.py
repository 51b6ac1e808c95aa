"""SSH signatures: people sign with keys that they already have."""
