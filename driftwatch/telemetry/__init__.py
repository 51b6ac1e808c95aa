"""What driftwatch tells the outside about itself: metrics, logs, health."""
