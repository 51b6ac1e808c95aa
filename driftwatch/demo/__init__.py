"""The demo: a simulated AWS account that speaks the real API, and the story that `make run` plays on it."""
