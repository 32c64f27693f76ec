"""``infer.py vectors``."""
import argparse
from pathlib import Path

from textjob.errors import UsageError
from textjob.job import storage
from textjob.training import word_encoder


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.add_argument("--vocabulary", required=True, metavar="P",
                        help="a package, or a file with one word per line, such as its assets/vocabulary.txt")
    parser.add_argument("--encoder", required=True, metavar="FOLDER",
                        help="a sentence-transformers model on this machine")
    parser.add_argument("--output", required=True, metavar="FILE", help="the vectors, for train.py --vectors FILE")
    parser.add_argument("--size", type=int, default=word_encoder.SIZE, metavar="N",
                        help=f"values per word (default {word_encoder.SIZE}, the embedding of the networks)")


def run(args: argparse.Namespace) -> int:
    """Write one vector per word of a vocabulary."""
    if args.size < 1:
        raise UsageError(f"--size {args.size}: expected at least 1")
    if storage.is_remote(args.encoder):
        raise UsageError(f"--encoder {args.encoder}: expected a folder on this machine; copy the model to it")
    storage.check_writable(args.output, "--output")
    with storage.fetched(args.vocabulary) as vocabulary:
        words = word_encoder.vocabulary(vocabulary)
    values = word_encoder.vectors(words, word_encoder.load(args.encoder), args.size)
    with storage.written(args.output) as file:
        word_encoder.write(words, values, Path(file))
    print(f"{args.output}: {len(words):,} words, {args.size} values each; for train.py --vectors {args.output}")
    return 0
