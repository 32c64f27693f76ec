"""``infer.py predict``."""
import argparse
import json
import shutil
import sys
from typing import Any, Dict, List

from textjob.commands import packages
from textjob.errors import DataError


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    packages.add_model_flag(parser)
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="texts; without any, the lines of standard input")
    parser.add_argument("--top_k", type=int, metavar="N", help="number of scores (default 5)")
    parser.add_argument("--threshold", type=float, metavar="X", help="smallest score that is printed (default 0)")
    parser.add_argument("--json", action="store_true", help="print JSON lines on a terminal, too")


def run(args: argparse.Namespace) -> int:
    """Print a prediction for each text; 1 if the service returns an error for a text."""
    texts: List[str] = args.texts or _lines_of_standard_input()
    options = {key: value for key, value in (("top_k", args.top_k), ("threshold", args.threshold)) if value is not None}
    as_json = args.json or not sys.stdout.isatty()
    with packages.rehearsed(args.model) as rehearsal:
        for text in texts:
            status, body = rehearsal.request(dict({"text": text}, **options))
            print(json.dumps(dict({"text": text}, **body), ensure_ascii=False) if as_json else _table(text, body),
                  flush=True)
            if status != 200 or "predicted_label" not in body:
                return 1
    return 0


def _table(text: str, body: Dict[str, Any]) -> str:
    from textjob.rehearsal import screen

    blocks = (sys.stdout.encoding or "").lower().startswith("utf")
    return screen.table(text, body, shutil.get_terminal_size().columns, screen.coloured(sys.stdout), blocks)


def _lines_of_standard_input() -> List[str]:
    texts = []
    for number, line in enumerate(sys.stdin.buffer, 1):
        try:
            texts.append(line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n"))
        except UnicodeDecodeError as error:
            raise DataError(
                f"standard input, line {number}: byte 0x{line[error.start]:02X} is not UTF-8; convert the texts, for "
                "example with: iconv -f GB18030 -t UTF-8, or classify a file with infer.py batch --encoding")
    return texts
