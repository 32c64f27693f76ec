"""The implementation of the stand-in. This folder also marks the package as the stand-in, not the platform's moxing."""
