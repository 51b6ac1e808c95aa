"""From the bytes of a log to Activities, and what its digests prove."""
