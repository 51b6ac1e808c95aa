"""Everything that can be asked of driftwatch. The command line, the daemon and the API are thin callers of these functions."""
