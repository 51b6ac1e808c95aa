"""How the units of a scan are spread over threads or machines."""
