"""Rehearse the platform on this machine: run a package's own service through the platform's life cycle.

    python infer.py data     --data_url data/
    python infer.py predict  --model out/model "a text" "another text"
    python infer.py batch    --model out/model --data_url texts.tsv --output_url answers.jsonl
    python infer.py evaluate --model out/model --data_url test.tsv
    python infer.py check    --model out/model
    python infer.py adopt    --source foreign/ --output adopted/
    python infer.py serve    --model out/model --port 8080
    python infer.py rollback --model_base versions/
    python infer.py compare  --metrics http://127.0.0.1:8080
    python infer.py image    --model out/model --output context/
"""
if __name__ == "__main__":
    from textjob import process

    process.exit_on_interrupt()

import argparse
import contextlib
import json
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Sequence

from textjob import errors, process
from textjob.adopt import TOKENIZERS
from textjob.flags import add_data_flags, data_settings
from textjob.job import storage
from textjob.packaging import package

if TYPE_CHECKING:
    from textjob.serving.client import Rehearsal
    from textjob.serving.model_base import ModelBase

PATHS = ("model", "model_base", "data_url", "output_url", "source", "output", "labels", "vocabulary", "token_file")
"""The flags whose value is a path; ``~`` in them is the home folder."""


@contextlib.contextmanager
def rehearsed(model: str) -> Iterator["Rehearsal"]:
    """The service of a package, which is a folder or an ``obs://`` URL."""
    with storage.fetched(model) as folder:
        located = package.locate(folder)
        _import_tensorflow_for(located)
        from textjob.serving.client import Rehearsal

        yield Rehearsal(located)


def _import_tensorflow_for(located: Path) -> None:
    if package.has_own_service(located):
        process.without_keras()  # this service does not need it; another service file may
    else:
        process.with_keras()  # an earlier version of a model base may have been loaded without it
    process.import_tensorflow()


def show_data(args: argparse.Namespace) -> int:
    """Show what a job would read: files, columns, parts, classes and bad rows; trains nothing."""
    from textjob.data import inspection

    with storage.fetched(args.data_url) as data:
        return inspection.main(data, data_settings(args), args.json)


def predict(args: argparse.Namespace) -> int:
    """Classify texts: one JSON line per text."""
    texts: List[str] = args.texts or _lines_of_standard_input()
    options = {key: value for key, value in (("top_k", args.top_k), ("threshold", args.threshold)) if value is not None}
    with rehearsed(args.model) as rehearsal:
        for text in texts:
            status, body = rehearsal.request(dict({"text": text}, **options))
            print(json.dumps(dict({"text": text}, **body), ensure_ascii=False), flush=True)
            if status != 200 or "predicted_label" not in body:
                return 1
    return 0


def _lines_of_standard_input() -> List[str]:
    texts = []
    for number, line in enumerate(sys.stdin.buffer, 1):
        try:
            texts.append(line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n"))
        except UnicodeDecodeError as error:
            raise errors.DataError(
                f"standard input, line {number}: byte 0x{line[error.start]:02X} is not UTF-8; convert the texts, for "
                "example with: iconv -f GB18030 -t UTF-8, or classify a file with infer.py batch --encoding")
    return texts


def batch(args: argparse.Namespace) -> int:
    """Classify the rows of a file: one JSON line per row, bad rows included; continues an unfinished output."""
    from textjob.serving import batch as batches

    url = args.output_url
    if url.endswith("/") or Path(url).is_dir():
        url = url.rstrip("/") + "/" + Path(args.data_url).name + ".jsonl"
    settings = data_settings(args)
    storage.check_writable(url, "--output_url")
    with storage.fetched(args.data_url) as data, storage.written(url) as output, \
            storage.written(url + batches.RECORD) as record:
        rows = batches.read(data, settings)
        with rehearsed(args.model) as rehearsal:
            done = batches.run(rehearsal, rows, settings, Path(output), Path(record), args.keep, args.overwrite)
    before = f", {done.before:,} rows were in it before" if done.before else ""
    print(f"{rows.details}\n{url}: {done.answered:,} rows answered, {done.bad:,} bad rows{before}")
    return 0


def evaluate(args: argparse.Namespace) -> int:
    """Compare predictions with labels: accuracy, macro-F1, a table of the classes, the confusion matrix."""
    from textjob.results import as_json
    from textjob.serving import evaluate as evaluation

    settings = data_settings(args)
    with storage.fetched(args.data_url) as data, rehearsed(args.model) as rehearsal:
        figures, notes = evaluation.evaluate(rehearsal, data, settings)
    if args.json:
        print(json.dumps(as_json(figures), ensure_ascii=False))
    else:
        print("\n".join([*notes, evaluation.as_text(figures)]))
    return 0


def check_package(args: argparse.Namespace) -> int:
    """Check whether a package is deployable: exit code 0, or 5 with the reasons."""
    from textjob import check

    with storage.fetched(args.model) as folder:
        located = _folder(folder)
        _import_tensorflow_for(located)
        return check.main(located, _split(args.allow), args.name, args.version, args.json)


def adopt_model(args: argparse.Namespace) -> int:
    """Give a foreign model the contract: a SavedModel, a .meta with its checkpoint, or a Keras file."""
    process.import_tensorflow()
    from textjob import adopt, check

    fields = adopt.AdoptOptions._field_defaults
    given = {name: value for name, value in vars(args).items() if name in fields and value not in (None, "")}
    folder, notes = adopt.adopt(adopt.AdoptOptions(**dict(
        given, source=args.source, output=args.output, tags=_split(args.tags), allowed=_split(args.allow),
        feeds=_feeds(args.feed))))
    for engine, reasons in check.engines(folder).items():
        notes.append(f"{'does not load' if reasons else 'loads'} on {engine}"
                     + (f": {'; '.join(reasons[:2])}" if reasons else ""))
    print("\n".join([*notes, f"adopted: {folder}"]))
    return 0


def serve(args: argparse.Namespace) -> int:
    """Serve a package by HTTP, as the platform does."""
    if sys.version_info < (3, 10):
        raise errors.UsageError(f"infer.py serve needs Python 3.10 or later, this is {sys.version.split()[0]}; run it "
                                "in an environment with a later Python, which serves the same packages")
    try:
        from textjob.serving import experiment, server
        from textjob.serving.limits import Limits
    except ImportError as error:
        raise _not_installed("serve", error)
    limits = Limits(body=int(args.body_limit * 2 ** 20), work=args.time_limit, arrival=args.arrival_limit,
                    queue=args.queue_limit, threads=args.threads)
    if min(limits) <= 0 or not args.poll_seconds > 0:
        raise errors.UsageError("every limit, --threads and --poll_seconds must be above 0")
    if (args.split or args.shadow is not None) and (args.strict or not args.model_base):
        raise errors.UsageError("--split and --shadow need --model_base, because --model serves one version, and "
                                "exclude --strict, because the platform has no experiments")
    flags = None if args.strict else experiment.of_flags(args.split, args.shadow)
    if args.grpc_port is not None and (args.strict or not 0 <= args.grpc_port < 65536):
        raise errors.UsageError(f"--grpc_port {args.grpc_port}: expected 0 (any free port) to 65535, and not --strict, "
                                "because the platform's server has no gRPC")
    options = server.Options(args.name, args.host, args.port, args.strict, args.token_file or "", args.grpc_port)
    process.limit_threads()
    with contextlib.ExitStack() as stack:
        if args.model_base:
            supply = server.versions_of(stack.enter_context(_model_base(args.model_base)), args.poll_seconds, flags)
        else:
            supply = server.package_of(package.locate(stack.enter_context(storage.fetched(args.model))))
        code = server.Process(options, limits, supply, _import_tensorflow_for).run()
    sys.stdout.flush()
    if threading.active_count() > 1:
        os._exit(code)  # a load, or a call over its time limit, cannot be interrupted otherwise
    return code


def rollback(args: argparse.Namespace) -> int:
    """Make the newest version of a model base unavailable, so that the server goes back to the version before it."""
    with _model_base(args.model_base) as base:
        newest, previous, marker = base.rollback()
    print(f"version {newest} is unavailable from now on, and version {previous} is the newest; a running server goes "
          f"back to it at its next poll\nto undo: delete {marker}")
    return 0


def compare(args: argparse.Namespace) -> int:
    """Compare the versions of a running server: requests, differences from the shadow, label shares and their shift."""
    try:
        from textjob.serving import comparison
        from textjob.serving.server import read_token
    except ImportError as error:
        raise _not_installed("compare", error)
    print(comparison.report(comparison.read(args.metrics, read_token(args.token_file or ""))))
    return 0


def write_image(args: argparse.Namespace) -> int:
    """Write the build context of a custom image that serves a package (docs/custom-image.md)."""
    from textjob.packaging import image

    if storage.is_remote(args.output):
        raise errors.UsageError(f"--output {args.output}: expected a folder on this machine, which docker "
                                "build can read")
    with storage.fetched(args.model) as folder:
        image.write(package.locate(folder), Path(args.output), args.swr_location, args.overwrite)
    print(f"build context: {args.output}\nnext: docker build --tag IMAGE {args.output}, then docker push IMAGE")
    return 0


def _not_installed(command: str, error: ImportError) -> errors.UsageError:
    return errors.UsageError(f"infer.py {command} needs the module {error.name}, which is not installed; run: "
                             "pip install -r requirements-serve.txt")


@contextlib.contextmanager
def _model_base(url: str) -> Iterator["ModelBase"]:
    """A model base, with a temporary folder for copies if it is in an object store."""
    from textjob.serving.model_base import ModelBase

    with contextlib.ExitStack() as stack:
        cache = stack.enter_context(storage.scratch_folder()) if storage.is_remote(url) else None
        yield ModelBase(url, storage.moxing(), cache)


def _split(values: List[str]) -> List[str]:
    return [part for value in values for part in value.split(",") if part]


def _feeds(pairs: List[str]) -> Dict[str, Any]:
    """``NAME=VALUE`` pairs; a value is JSON."""
    feeds = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            feeds[name] = json.loads(value)
        except ValueError:
            raise errors.UsageError(f"--feed {pair}: expected NAME=VALUE with a number, true, false or a list")
    return feeds


def _folder(model: str) -> Path:
    """The package, or the folder that should be one, because a check reports what is missing in it."""
    try:
        return package.locate(model)
    except errors.PackageError:
        if not Path(model).is_dir():
            raise
        return Path(model) / "model" if (Path(model) / "model").is_dir() else Path(model)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="infer.py", description=(__doc__ or "").split("\n")[0])
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    commands.required = True

    def command(name: str, function: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=function.__doc__, description=function.__doc__, allow_abbrev=False)
        sub.set_defaults(function=function)
        if name not in ("adopt", "data", "serve", "rollback", "compare"):
            sub.add_argument("--model", required=True, metavar="P",
                             help="a package, or the folder that holds it in a folder 'model'")
        return sub

    sub = command("data", show_data)
    sub.add_argument("--data_url", required=True, metavar="D", help="the folder or file that train.py is to read")
    sub.add_argument("--json", action="store_true", help="print one JSON object")
    add_data_flags(sub)
    sub = command("predict", predict)
    sub.add_argument("texts", nargs="*", metavar="TEXT", help="texts; without any, the lines of standard input")
    sub.add_argument("--top_k", type=int, metavar="N", help="number of scores (default 5)")
    sub.add_argument("--threshold", type=float, metavar="X", help="smallest score that is printed (default 0)")
    sub = command("batch", batch)
    sub.add_argument("--data_url", required=True, metavar="FILE", help="a file of texts (docs/reference.md)")
    sub.add_argument("--output_url", required=True, metavar="FILE", help="the file of JSON lines to write")
    sub.add_argument("--keep", action="store_true", help="write the columns of each row beside its answer")
    sub.add_argument("--overwrite", action="store_true", help="replace an output, whichever run wrote it")
    add_data_flags(sub)
    sub = command("evaluate", evaluate)
    sub.add_argument("--data_url", required=True, metavar="FILE", help="labelled texts; of a folder, its test part")
    sub.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    add_data_flags(sub)
    sub = command("check", check_package)
    sub.add_argument("--json", action="store_true", help="print the findings as one JSON object")
    sub.add_argument("--allow", action="append", default=[], metavar="OP", help="accept an op that can do harm")
    sub.add_argument("--name", default="", metavar="N", help="the model's name on the platform, to be checked")
    sub.add_argument("--version", default="", metavar="X.Y.Z", help="the model's version there, to be checked")
    _adopt_flags(command("adopt", adopt_model))
    _serve_flags(command("serve", serve))
    sub = command("rollback", rollback)
    sub.add_argument("--model_base", required=True, metavar="B", help="the folder of the versions, local or obs://")
    sub = command("compare", compare)
    sub.add_argument("--metrics", required=True, metavar="URL", help="the address of a running server, such as "
                     "http://127.0.0.1:8080, or its path /metrics")
    sub.add_argument("--token_file", metavar="FILE", help="the token of the server")
    sub = command("image", write_image)
    sub.add_argument("--output", required=True, metavar="CONTEXT", help="the folder to write, for docker build")
    sub.add_argument("--swr_location", default="", metavar="IMAGE", help="the address of the image in SWR, for a model "
                     "that is imported from OBS with the config.json of the context")
    sub.add_argument("--overwrite", action="store_true", help="replace a folder that exists")
    return top


def _adopt_flags(sub: argparse.ArgumentParser) -> None:
    where = sub.add_argument_group("source and output")
    where.add_argument("--source", required=True, metavar="S", help="a SavedModel's folder, NAME.meta, a folder of "
                       "checkpoints, NAME.keras, NAME.h5 or a frozen graph NAME.pb")
    where.add_argument("--output", required=True, metavar="P", help="the package becomes its folder 'model'")
    where.add_argument("--overwrite", action="store_true", help="replace an existing package")
    how = sub.add_argument_group("signature of the source, where the source does not decide it "
                                 "(docs/serving-any-model.md)")
    how.add_argument("--tags", action="append", default=[], metavar="A,B", help="the tag set")
    how.add_argument("--signature", metavar="KEY", help="the signature")
    how.add_argument("--input_tensor", metavar="X", help="alias or tensor name of the input")
    how.add_argument("--output_tensor", metavar="X", help="alias or tensor name of the scores")
    how.add_argument("--feed", action="append", default=[], metavar="X=V", help="the value of a further input")
    how.add_argument("--scores", choices=["probabilities", "softmax", "sigmoid"],
                     help="the scores are probabilities, or logits of a softmax or of sigmoids")
    how.add_argument("--labels", metavar="FILE", help="class names, one per line, in the order of the scores")
    how.add_argument("--allow", action="append", default=[], metavar="OP", help="accept an op that can do harm")
    text = sub.add_argument_group("preprocessing, for a source that takes token ids")
    text.add_argument("--vocabulary", metavar="FILE", help="one token per line; its id is the line number, from 0")
    text.add_argument("--tokenizer", metavar="KIND", help=", ".join(TOKENIZERS))
    text.add_argument("--lower", choices=["true", "false"], help="of wordpiece: lower case and no accents "
                      "(default: true, if the vocabulary has no capital letters)")
    text.add_argument("--pair_separator", nargs="?", const="\t", metavar="S", help="of wordpiece: the text before S (a "
                      "tab, if no S is given) is the first of a pair of texts, the text after it the second")
    text.add_argument("--first_id", type=int, metavar="N", help="the id of the vocabulary's first line (default 0)")
    text.add_argument("--unknown_id", type=int, metavar="N", help="the id of unknown tokens (default: of line <unk>)")
    text.add_argument("--length", type=int, metavar="N", help="ids per text, exactly (default: as the input needs)")
    text.add_argument("--max_length", type=int, metavar="N", help="ids per text, at most (default 256)")
    text.add_argument("--pad_left", action="store_true", help="pad and cut at the beginning, as pad_sequences does")
    text.add_argument("--feature", metavar="NAME", help="the feature to read, for a source that takes tf.Example")
    package_ = sub.add_argument_group("the package")
    package_.add_argument("--runtime", metavar="R", help="the engine of the platform that config.json names")
    package_.add_argument("--as_it_is", action="store_true", help="package the SavedModel unchanged, with a "
                          "service.json that describes its signature")


def _serve_flags(sub: argparse.ArgumentParser) -> None:
    what = sub.add_mutually_exclusive_group(required=True)
    what.add_argument("--model", metavar="P", help="a package, or the folder that holds it in a folder 'model'")
    what.add_argument("--model_base", metavar="B", help="a folder of versions (B/1/, B/2/, ...), each a package or the "
                      "folder that holds it in a folder 'model'; the newest one is served, and replaced when a newer "
                      "one is added")
    versions = sub.add_argument_group("versions of --model_base (docs/server.md)")
    versions.add_argument("--poll_seconds", type=float, default=5, metavar="S",
                          help="seconds between two polls of the folder (default 5)")
    versions.add_argument("--split", action="append", default=[], metavar="N=PERCENT",
                          help="send this share of the requests to version N; can be repeated")
    versions.add_argument("--shadow", type=int, metavar="N", help="let version N answer, too, without the client "
                          "seeing it, and count where it differs")
    sub.add_argument("--name", default="serve", metavar="N", help="the model's name, given to the service")
    sub.add_argument("--host", default="127.0.0.1", metavar="H", help="the address to listen on; 0.0.0.0 for all")
    sub.add_argument("--port", type=int, default=8080, metavar="N", help="default 8080; 0 chooses a free port")
    sub.add_argument("--grpc_port", type=int, metavar="N", help="answer TensorFlow Serving's gRPC API, too, on this "
                     "port; 0 chooses a free port")
    sub.add_argument("--strict", action="store_true", help="only what the platform's server does: POST /, GET /health, "
                     "one call of the service per request")
    sub.add_argument("--token_file", metavar="FILE", help="a file with a token that every request but /health and "
                     "the page must send, as Authorization: Bearer TOKEN")
    limits = sub.add_argument_group("limits (the defaults are those of the platform)")
    limits.add_argument("--body_limit", type=float, default=12, metavar="MB", help="size of a body (default 12)")
    limits.add_argument("--time_limit", type=float, default=40, metavar="S",
                        help="seconds from a complete request to its response (default 40)")
    limits.add_argument("--arrival_limit", type=float, default=30, metavar="S",
                        help="seconds for a request to arrive, and for a client to read its response (default 30)")
    limits.add_argument("--queue_limit", type=int, default=1000, metavar="N",
                        help="requests that wait or are being answered (default 1000)")
    limits.add_argument("--threads", type=int, default=8, metavar="N", help="simultaneous calls of a service that "
                        "cannot be batched (default 8)")


def main(argv: Sequence[str]) -> int:
    """Run one command; returns the exit code (textjob/errors.py)."""
    args = parser().parse_args(argv)
    for name in PATHS:
        if getattr(args, name, None):
            setattr(args, name, os.path.expanduser(getattr(args, name)))
    return int(args.function(args))


if __name__ == "__main__":
    process.interrupts_raise()
    sys.exit(errors.run(lambda: main(sys.argv[1:])))
