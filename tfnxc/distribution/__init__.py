"""Devices and workers: strategies by name, and what workers do together."""
