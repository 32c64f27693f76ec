"""What happens on import: nothing, unless MOX_SILENT_MODE=0 asks for what the platform's package does."""
import logging

from moxing._shim import settings

VERSION = "2.1.0+shim"


def greet() -> None:
    """Root logging to INFO and a line with the version, as on the platform. A stand-in is quiet where not asked."""
    if settings.silent():
        return
    logging.getLogger().setLevel(logging.INFO)
    print(f"INFO:root:Using MoXing-v{VERSION}")
