"""From trained weights to a package that the platform imports."""
