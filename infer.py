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
    python infer.py vectors  --vocabulary out/model --encoder encoder/ --output vectors.txt
"""
if __name__ == "__main__":
    from textjob import process

    process.exit_on_interrupt()

import argparse
import importlib
import os
import sys
from typing import Sequence, Tuple

from textjob import errors, process

TOPICS = {
    "data": {
        "data": "Show what a job would read: files, columns, parts, classes and bad rows; trains nothing.",
        "vectors": "Write word vectors for train.py --vectors with a sentence encoder that is on this machine.",
    },
    "predictions": {
        "predict": "Classify texts: a table on a terminal, else one JSON line per text.",
        "batch": "Classify the rows of a file, or of many files in shards: one JSON line per row, bad rows included; "
                 "continues an unfinished output.",
        "evaluate": "Compare predictions with labels: accuracy, macro-F1, a table of the classes, the confusion "
                    "matrix.",
    },
    "packages": {
        "check": "Check whether a package is deployable: exit code 0, or 5 with the reasons.",
        "adopt": "Convert a foreign model into a package: a SavedModel, a .meta with its checkpoint, or a Keras file.",
        "image": "Write the build context of a custom image that serves a package (docs/custom-image.md).",
    },
    "server": {
        "serve": "Serve a package by HTTP, as the platform does.",
        "rollback": "Make the newest version of a model base unavailable, so that the server goes back to the version "
                    "before it.",
        "compare": "Compare the versions of a running server: requests, differences from the shadow, label shares and "
                   "their shift.",
    },
}
"""The commands by topic; each is a module of textjob/commands."""

COMMANDS = {name: text for commands in TOPICS.values() for name, text in commands.items()}

PATHS = ("model", "model_base", "data_url", "output_url", "source", "output", "labels", "vocabulary", "token_file",
         "encoder", "against", "html")
"""The flags whose value is a path; ``~`` in them is the home folder."""


def main(argv: Sequence[str]) -> int:
    """Run one command; returns the exit code (textjob/errors.py)."""
    name, flags = _command(argv)
    if name not in COMMANDS:
        _top_parser().parse_args(argv)  # prints the help or an error, and exits
    command = importlib.import_module(f"textjob.commands.{name}")
    parser = argparse.ArgumentParser(prog=f"infer.py {name}", description=COMMANDS[name], allow_abbrev=False)
    command.add_flags(parser)
    args = parser.parse_args(flags)
    for path in PATHS:
        if getattr(args, path, None):
            setattr(args, path, os.path.expanduser(getattr(args, path)))
    return int(command.run(args))


def _command(argv: Sequence[str]) -> Tuple[str, Sequence[str]]:
    """The command and its flags. A training job, all of whose parameters are flags, gives the command by a flag, too.
    """
    for position, word in enumerate(argv):
        name, equals, value = word.partition("=")
        if name == "--command" and argv[0].startswith("--"):
            end = position + (1 if equals else 2)
            return "".join([value] if equals else argv[position + 1:end]), [*argv[:position], *argv[end:]]
    return (argv[0] if argv else ""), argv[1:]


def _top_parser() -> argparse.ArgumentParser:
    """The command line without the flags of the commands, for ``--help`` and for a missing or unknown command."""
    topics = ["\n".join([f"{topic}:", *(f"  {name:<10}{text}" for name, text in commands.items())])
              for topic, commands in TOPICS.items()]
    parser = argparse.ArgumentParser(
        prog="infer.py", usage="infer.py COMMAND ...", description=(__doc__ or "").split("\n")[0],
        epilog="\n\n".join([*topics, "infer.py COMMAND --help describes the flags of a command."]),
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", metavar="COMMAND", choices=list(COMMANDS), help="one of those below")
    return parser


if __name__ == "__main__":
    process.interrupts_raise()
    sys.exit(errors.run(lambda: main(sys.argv[1:])))
