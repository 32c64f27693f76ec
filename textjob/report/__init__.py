"""The comparison of the models of a run."""
