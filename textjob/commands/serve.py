"""``infer.py serve``."""
import argparse
import contextlib
import os
import sys
import threading
from pathlib import Path

from textjob import process
from textjob.commands import packages
from textjob.errors import UsageError, not_installed
from textjob.job import storage
from textjob.packaging import package


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    served = parser.add_argument_group("what is served")
    what = served.add_mutually_exclusive_group(required=True)
    what.add_argument("--model", metavar="P", help="a package, or the folder that holds it in a folder 'model'")
    what.add_argument("--model_base", metavar="B", help="a folder of versions (B/1/, B/2/, ...), each a package or the "
                      "folder that holds it in a folder 'model'; the newest one is served, and replaced when a newer "
                      "one is added")
    address = parser.add_argument_group("address and protocol")
    address.add_argument("--name", default="serve", metavar="N", help="the model's name, given to the service")
    address.add_argument("--host", default="127.0.0.1", metavar="H", help="the address to listen on; 0.0.0.0 for all")
    address.add_argument("--port", type=int, default=8080, metavar="N", help="default 8080; 0 chooses a free port")
    address.add_argument("--grpc_port", type=int, metavar="N", help="answer TensorFlow Serving's gRPC API, too, on "
                         "this port; 0 chooses a free port")
    address.add_argument("--strict", action="store_true", help="only what the platform's server does: POST /, "
                         "GET /health, one call of the service per request")
    address.add_argument("--token_file", metavar="FILE", help="a file with a token that every request but /health and "
                         "the page must send, as Authorization: Bearer TOKEN")
    versions = parser.add_argument_group("versions of --model_base (docs/server.md)")
    versions.add_argument("--poll_seconds", type=float, default=5, metavar="S",
                          help="seconds between two polls of the folder (default 5)")
    versions.add_argument("--split", action="append", default=[], metavar="N=PERCENT",
                          help="send this share of the requests to version N; can be repeated")
    versions.add_argument("--shadow", type=int, metavar="N", help="let version N answer, too, without the client "
                          "seeing it, and count where it differs")
    limits = parser.add_argument_group("limits (the defaults are those of the platform)")
    limits.add_argument("--body_limit", type=float, default=12, metavar="MB", help="size of a body (default 12)")
    limits.add_argument("--time_limit", type=float, default=40, metavar="S",
                        help="seconds from a complete request to its response (default 40)")
    limits.add_argument("--arrival_limit", type=float, default=30, metavar="S",
                        help="seconds for a request to arrive, and for a client to read its response (default 30)")
    limits.add_argument("--queue_limit", type=int, default=1000, metavar="N",
                        help="requests that wait or are being answered (default 1000)")
    limits.add_argument("--threads", type=int, default=8, metavar="N", help="simultaneous calls of a service that "
                        "cannot be batched (default 8)")


def run(args: argparse.Namespace) -> int:
    """Serve a package, or the newest version of a model base, until SIGTERM or Ctrl-C."""
    if sys.version_info < (3, 10):
        raise UsageError(f"infer.py serve needs Python 3.10 or later, this is {sys.version.split()[0]}; run it "
                         "in an environment with a later Python, which serves the same packages")
    try:
        from textjob.serving import experiment, server
        from textjob.serving.limits import Limits
    except ImportError as error:
        raise not_installed("serve", error)
    limits = Limits(body=int(args.body_limit * 2 ** 20), work=args.time_limit, arrival=args.arrival_limit,
                    queue=args.queue_limit, threads=args.threads)
    if min(limits) <= 0 or not args.poll_seconds > 0:
        raise UsageError("every limit, --threads and --poll_seconds must be above 0")
    if (args.split or args.shadow is not None) and (args.strict or not args.model_base):
        raise UsageError("--split and --shadow need --model_base, because --model serves one version, and "
                         "exclude --strict, because the platform has no experiments")
    flags = None if args.strict else experiment.of_flags(args.split, args.shadow)
    if args.grpc_port is not None and (args.strict or not 0 <= args.grpc_port < 65536):
        raise UsageError(f"--grpc_port {args.grpc_port}: expected 0 (any free port) to 65535, and not --strict, "
                         "because the platform's server has no gRPC")
    options = server.Options(args.name, args.host, args.port, args.strict, args.token_file or "", args.grpc_port)
    process.limit_threads()
    with contextlib.ExitStack() as stack:
        if args.model_base:
            base = stack.enter_context(packages.model_base(args.model_base))
            supply = server.versions_of(base, args.poll_seconds, flags)
        else:
            supply = server.package_of(package.locate(stack.enter_context(storage.fetched(args.model))))
        code = server.Process(options, limits, supply, _import_tensorflow_for).run()
    sys.stdout.flush()
    if threading.active_count() > 1:
        os._exit(code)  # a load, or a call over its time limit, cannot be interrupted otherwise
    return code


def _import_tensorflow_for(located: Path) -> None:
    """Import TensorFlow, without oneDNN if this template has trained the model; others may have large matrices."""
    if "tensorflow" not in sys.modules and "training" in package.card_of(located):
        process.without_onednn()
    packages.import_tensorflow_for(located)
