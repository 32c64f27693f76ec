"""``infer.py evaluate``."""
import argparse
import json
from pathlib import Path

from textjob.commands import packages
from textjob.flags import add_data_flags, data_settings
from textjob.job import storage


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    packages.add_model_flag(parser)
    parser.add_argument("--data_url", required=True, metavar="FILE", help="labelled texts; of a folder, its test part")
    parser.add_argument("--against", metavar="P", help="a second package, to be compared on the same rows")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    parser.add_argument("--html", metavar="FILE", help="write a page with plots, confusions and mistakes")
    parser.add_argument("--report_texts", choices=["true", "false"], default="true",
                        help="with false, rows are shown by their places, without their texts (default true)")
    add_data_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Print how well a package predicts the labels of the data, or how two packages differ."""
    from textjob.rehearsal import evaluate, evaluation_page
    from textjob.report import html

    settings = data_settings(args)
    names = [args.model, args.against] if args.against else [args.model]
    if args.html:
        storage.check_writable(args.html, "--html")
    with storage.fetched(args.data_url) as data:
        rows = evaluate.read(data, settings)
        predictions = []
        for name in names:
            with packages.rehearsed(name) as rehearsal:
                predictions.append(rows.predicted(rehearsal))
        evaluated = rows.evaluated(data, settings, args.report_texts == "true", *predictions)
    if args.html:
        page = html.write(evaluation_page.report(evaluated, names))
        with storage.written(args.html) as file:
            Path(file).write_bytes(page.encode("utf-8", "replace"))
    if args.json:
        print(json.dumps(evaluate.to_json(evaluated), ensure_ascii=False))
    else:
        print(evaluation_page.text(evaluated, names) + (f"\n\npage: {args.html}" if args.html else ""))
    return 0


