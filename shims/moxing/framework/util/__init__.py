"""Holds ``runtime``, as on the platform."""
