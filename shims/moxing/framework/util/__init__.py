"""Contains ``runtime``, as in the platform's package."""
