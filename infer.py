"""Rehearse the platform: ask a package, on any machine, through the life cycle that the platform gives it.

    python infer.py predict  --model out/model "a text" "another"
    python infer.py batch    --model out/model --data_url texts.tsv --output_url answers.jsonl
    python infer.py evaluate --model out/model --data_url test.tsv
    python infer.py check    --model out/model
"""
import argparse
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any, List, Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported: its banner is no news

from textjob import batch_inference, check, errors, evaluation, package
from textjob.rehearsal import Rehearsal

logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of the classic loader, which is meant


def predict(args: argparse.Namespace) -> int:
    """One JSON line a text."""
    rehearsal = Rehearsal(package.locate(args.model))
    texts: List[str] = args.texts or [line.rstrip("\n") for line in sys.stdin]
    options = {key: value for key, value in (("top_k", args.top_k), ("threshold", args.threshold)) if value is not None}
    for text in texts:
        status, body = rehearsal.request(dict({"text": text}, **options))
        print(json.dumps(dict({"text": text}, **body), ensure_ascii=False), flush=True)
        if status != 200 or "predicted_label" not in body:
            return 1
    return 0


def batch(args: argparse.Namespace) -> int:
    """One JSON line a row of a file, bad rows included; goes on where it stopped."""
    rehearsal = Rehearsal(package.locate(args.model))
    output = Path(args.output_url)
    if output.is_dir() or args.output_url.endswith("/"):
        output = output / (Path(args.data_url).name + ".jsonl")
    items = batch_inference.read(args.data_url, args.label_column, args.text_column)
    before, added = batch_inference.run(rehearsal, items, output)
    print("{}: {:,} rows answered{}".format(output, added, ", {:,} were there".format(before) if before else ""))
    return 0


def evaluate(args: argparse.Namespace) -> int:
    """Accuracy, macro-F1, a table per class, the confusion matrix."""
    figures, notes = evaluation.evaluate(Rehearsal(package.locate(args.model)), args.data_url, args.label_column,
                                         args.text_column)
    if args.json:
        print(json.dumps(figures, ensure_ascii=False))
    else:
        print("\n".join([*notes, evaluation.as_text(figures)]))
    return 0


def check_package(args: argparse.Namespace) -> int:
    """Is this package deployable: exit code 0, or 5 with the reasons."""
    return check.main(package.locate(args.model))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="infer.py", description=(__doc__ or "").split("\n")[0])
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    commands.required = True

    def command(name: str, function: Any) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=function.__doc__, description=function.__doc__, allow_abbrev=False)
        sub.set_defaults(function=function)
        sub.add_argument("--model", required=True, metavar="P", help="a package, or the folder of its folder 'model'")
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
    command("check", check_package)
    return top


def main(argv: Sequence[str]) -> int:
    """Run one command; returns the exit code."""
    args = parser().parse_args(argv)
    return int(args.function(args))


if __name__ == "__main__":
    sys.exit(errors.run(lambda: main(sys.argv[1:])))
