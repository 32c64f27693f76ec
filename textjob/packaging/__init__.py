"""Turns trained weights into a package that the platform can import."""
