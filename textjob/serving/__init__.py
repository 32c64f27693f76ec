"""A package's own service on this machine, through the platform's life cycle."""
