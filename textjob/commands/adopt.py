"""``infer.py adopt``."""
import argparse
import json
from typing import Any, Dict, List

from textjob import process
from textjob.adopt import TOKENIZERS
from textjob.errors import UsageError
from textjob.flags import divided


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    where = parser.add_argument_group("source and output")
    where.add_argument("--source", required=True, metavar="S", help="a SavedModel's folder, NAME.meta, a folder of "
                       "checkpoints, NAME.keras, NAME.h5 or a frozen graph NAME.pb")
    where.add_argument("--output", required=True, metavar="P", help="the package becomes its folder 'model'")
    where.add_argument("--overwrite", action="store_true", help="replace an existing package")
    how = parser.add_argument_group("signature of the source, where the source does not decide it "
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
    text = parser.add_argument_group("preprocessing, for a source that takes token ids")
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
    package_ = parser.add_argument_group("the package")
    package_.add_argument("--runtime", metavar="R", help="the engine of the platform that config.json names")
    package_.add_argument("--as_it_is", action="store_true", help="package the SavedModel unchanged, with a "
                          "service.json that describes its signature")


def run(args: argparse.Namespace) -> int:
    """Write a package of a foreign model, and print the notes and the engines that load it."""
    process.import_tensorflow()
    from textjob import adopt, check

    fields = adopt.AdoptOptions._field_defaults
    given = {name: value for name, value in vars(args).items() if name in fields and value not in (None, "")}
    folder, notes = adopt.adopt(adopt.AdoptOptions(**dict(
        given, source=args.source, output=args.output, tags=divided(args.tags), allowed=divided(args.allow),
        feeds=_feeds(args.feed))))
    for engine, reasons in check.engines(folder).items():
        notes.append(f"{'does not load' if reasons else 'loads'} on {engine}"
                     + (f": {'; '.join(reasons[:2])}" if reasons else ""))
    print("\n".join([*notes, f"adopted: {folder}"]))
    return 0


def _feeds(pairs: List[str]) -> Dict[str, Any]:
    """``NAME=VALUE`` pairs; a value is JSON."""
    feeds = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            feeds[name] = json.loads(value)
        except ValueError:
            raise UsageError(f"--feed {pair}: expected NAME=VALUE with a number, true, false or a list")
    return feeds
