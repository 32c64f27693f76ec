"""``infer.py compare``."""
import argparse

from textjob.errors import not_installed


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.add_argument("--metrics", required=True, metavar="URL", help="the address of a running server, such as "
                        "http://127.0.0.1:8080, or its path /metrics")
    parser.add_argument("--token_file", metavar="FILE", help="the token of the server")


def run(args: argparse.Namespace) -> int:
    """Print how the versions of a running server differ."""
    try:
        from textjob.serving import comparison
        from textjob.serving.server import read_token
    except ImportError as error:
        raise not_installed("compare", error)
    print(comparison.report(comparison.read(args.metrics, read_token(args.token_file or ""))))
    return 0
