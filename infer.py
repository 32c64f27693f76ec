"""Rehearse the platform: ask a package, on any machine, through the life cycle that the platform gives it.

    python infer.py predict  --model out/model "a text" "another"
    python infer.py batch    --model out/model --data_url texts.tsv --output_url answers.jsonl
    python infer.py evaluate --model out/model --data_url test.tsv
    python infer.py check    --model out/model
    python infer.py adopt    --source foreign/ --output adopted/
"""
import argparse
import contextlib
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any, Iterator, List, Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported: its banner is no news

from textjob import adopt, check, errors
from textjob.data.records import DataSettings
from textjob.job import storage
from textjob.packaging import package
from textjob.serving import batch as batches
from textjob.serving import evaluate as evaluation
from textjob.serving.client import Rehearsal

for name in ("tensorflow", "absl"):
    logging.getLogger(name).setLevel(logging.ERROR)  # they warn of the classic loader, which is meant


@contextlib.contextmanager
def rehearsed(model: str) -> Iterator[Rehearsal]:
    """A package's service, wherever the package is."""
    with storage.fetched(model) as folder:
        yield Rehearsal(package.locate(folder))


def predict(args: argparse.Namespace) -> int:
    """One JSON line a text."""
    texts: List[str] = args.texts or [line.rstrip("\n") for line in sys.stdin]
    options = {key: value for key, value in (("top_k", args.top_k), ("threshold", args.threshold)) if value is not None}
    with rehearsed(args.model) as rehearsal:
        for text in texts:
            status, body = rehearsal.request(dict({"text": text}, **options))
            print(json.dumps(dict({"text": text}, **body), ensure_ascii=False), flush=True)
            if status != 200 or "predicted_label" not in body:
                return 1
    return 0


def batch(args: argparse.Namespace) -> int:
    """One JSON line a row of a file, bad rows included; goes on where it stopped."""
    url = args.output_url
    if url.endswith("/") or Path(url).is_dir():
        url = url.rstrip("/") + "/" + Path(args.data_url).name + ".jsonl"
    with rehearsed(args.model) as rehearsal, storage.fetched(args.data_url) as data, storage.written(url) as output:
        items = batches.read(data, DataSettings(args.label_column, args.text_column))
        before, added = batches.run(rehearsal, items, Path(output))
    print("{}: {:,} rows answered{}".format(url, added, f", {before:,} were there" if before else ""))
    return 0


def evaluate(args: argparse.Namespace) -> int:
    """Accuracy, macro-F1, a table per class, the confusion matrix."""
    with rehearsed(args.model) as rehearsal, storage.fetched(args.data_url) as data:
        figures, notes = evaluation.evaluate(
            rehearsal, data, DataSettings(args.label_column, args.text_column))
    if args.json:
        print(json.dumps(figures, ensure_ascii=False))
    else:
        print("\n".join([*notes, evaluation.as_text(figures)]))
    return 0


def check_package(args: argparse.Namespace) -> int:
    """Is this package deployable: exit code 0, or 5 with the reasons."""
    with storage.fetched(args.model) as folder:
        return check.main(_folder(folder), _split(args.allow), args.name, args.version, args.json)


def adopt_model(args: argparse.Namespace) -> int:
    """Give a foreign model the contract: a SavedModel, a .meta with its checkpoint, a Keras file."""
    fields = adopt.AdoptOptions._field_defaults
    given = {name: value for name, value in vars(args).items() if name in fields and value not in (None, "")}
    folder, notes = adopt.adopt(adopt.AdoptOptions(**dict(
        given, source=args.source, output=args.output, tags=_split(args.tags), allowed=_split(args.allow),
        feeds=_feeds(args.feed))))
    for engine, reasons in check.engines(folder).items():
        notes.append("{} on {}{}".format("will not load" if reasons else "loads", engine,
                                         ": " + "; ".join(reasons[:2]) if reasons else ""))
    print("\n".join([*notes, f"adopted: {folder}"]))
    return 0


def _split(values: List[str]) -> List[str]:
    return [part for value in values for part in value.split(",") if part]


def _feeds(given: List[str]) -> Any:
    """``NAME=VALUE`` pairs; a value is JSON."""
    feeds = {}
    for pair in given:
        name, _, value = pair.partition("=")
        try:
            feeds[name] = json.loads(value)
        except ValueError:
            raise errors.UsageError(f"--feed {pair}: expected NAME=VALUE with a number, true, false or a list")
    return feeds


def _folder(model: str) -> Path:
    """The package, or what should be one: a check says what is missing in it."""
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

    def command(name: str, function: Any) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=function.__doc__, description=function.__doc__, allow_abbrev=False)
        sub.set_defaults(function=function)
        if name != "adopt":
            sub.add_argument("--model", required=True, metavar="P",
                             help="a package, or the folder of its folder 'model'")
        return sub

    def columns(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--label_column", default="", metavar="X", help="name or number of the label's column")
        sub.add_argument("--text_column", default="", metavar="X", help="name or number of the text's column")

    sub = command("predict", predict)
    sub.add_argument("texts", nargs="*", metavar="TEXT", help="texts; without any, the lines of standard input")
    sub.add_argument("--top_k", type=int, metavar="N", help="scores shown (default 5)")
    sub.add_argument("--threshold", type=float, metavar="X", help="the least score shown (default 0)")
    sub = command("batch", batch)
    sub.add_argument("--data_url", required=True, metavar="FILE", help="a TSV or CSV, or a text a line")
    sub.add_argument("--output_url", required=True, metavar="FILE", help="where the lines go")
    columns(sub)
    sub = command("evaluate", evaluate)
    sub.add_argument("--data_url", required=True, metavar="FILE", help="labelled texts; of a folder, its test part")
    sub.add_argument("--json", action="store_true", help="the figures as one JSON object")
    columns(sub)
    sub = command("check", check_package)
    sub.add_argument("--json", action="store_true", help="what was found as one JSON object")
    sub.add_argument("--allow", action="append", default=[], metavar="OP", help="a dangerous op that is meant")
    sub.add_argument("--name", default="", metavar="N", help="the name that the model is to have on the platform")
    sub.add_argument("--version", default="", metavar="X.Y.Z", help="the version that it is to have there")
    _adopt_flags(command("adopt", adopt_model))
    return top


def _adopt_flags(sub: argparse.ArgumentParser) -> None:
    where = sub.add_argument_group("where")
    where.add_argument("--source", required=True, metavar="S", help="a SavedModel's folder, NAME.meta, a folder of "
                       "checkpoints, NAME.keras or NAME.h5")
    where.add_argument("--output", required=True, metavar="P", help="where the package goes, in a folder 'model'")
    where.add_argument("--overwrite", action="store_true", help="replace a package that is there")
    how = sub.add_argument_group("how the source is asked, where it does not say so itself (docs/serving-any-model.md)")
    how.add_argument("--tags", action="append", default=[], metavar="A,B", help="the tag set")
    how.add_argument("--signature", metavar="KEY", help="the signature")
    how.add_argument("--input_tensor", metavar="X", help="alias or tensor name of the input")
    how.add_argument("--output_tensor", metavar="X", help="alias or tensor name of the scores")
    how.add_argument("--feed", action="append", default=[], metavar="X=V", help="what a further input gets")
    how.add_argument("--scores", choices=["probabilities", "softmax", "sigmoid"], help="what the scores are, or need")
    how.add_argument("--labels", metavar="FILE", help="class names, a line each, in the order of the scores")
    how.add_argument("--allow", action="append", default=[], metavar="OP", help="a dangerous op that is meant")
    text = sub.add_argument_group("from text to ids, for a source that takes ids")
    text.add_argument("--vocabulary", metavar="FILE", help="a token a line; the number of the line, from 0, is its id")
    text.add_argument("--tokenizer", metavar="KIND", help="; ".join(adopt.TOKENIZERS))
    text.add_argument("--first_id", type=int, metavar="N", help="the id of the vocabulary's first line (default 0)")
    text.add_argument("--unknown_id", type=int, metavar="N", help="of unknown tokens (default: of the line <unk>)")
    text.add_argument("--length", type=int, metavar="N", help="ids a text, exactly (default: what the input has)")
    text.add_argument("--max_length", type=int, metavar="N", help="ids a text, at most (default 256)")
    text.add_argument("--pad_left", action="store_true", help="padding and the cut come first, as in pad_sequences")
    text.add_argument("--feature", metavar="NAME", help="of a tf.Example: the feature that is read")
    package_ = sub.add_argument_group("the package")
    package_.add_argument("--runtime", metavar="R", help="the platform's engine for config.json")
    package_.add_argument("--as_it_is", action="store_true", help="package the SavedModel unchanged, beside a "
                          "service.json that says how to ask it")


def main(argv: Sequence[str]) -> int:
    """Run one command; returns the exit code."""
    args = parser().parse_args(argv)
    return int(args.function(args))


if __name__ == "__main__":
    sys.exit(errors.run(lambda: main(sys.argv[1:])))
