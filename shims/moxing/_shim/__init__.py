"""The stand-in's own parts. That this folder exists is also how one copy of the stand-in knows another."""
