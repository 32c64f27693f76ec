"""Runs the service of a package in this process: for a few texts, for the rows of a file, for labelled texts."""
