"""``infer.py batch --platform``: the input, the result files and the manifest of the platform's batch service."""
import argparse
import contextlib
import json
import uuid
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

from textjob.commands import batch_files, packages
from textjob.data.folders import list_folder
from textjob.errors import DataError, StorageError
from textjob.job import storage
from textjob.rehearsal import batch_service
from textjob.rehearsal.client import Rehearsal

MANIFEST = ".manifest"


def run(args: argparse.Namespace) -> int:
    """Classify each file, and print a line for it and the place of the manifest; 1 if a file has failed."""
    task, url = f"infer-result-{uuid.uuid4()}", args.output_url.rstrip("/")
    storage.check_writable(url, "--output_url")
    with storage.fetched(args.data_url) as data, packages.rehearsed(args.model) as rehearsal, \
            storage.workspace(url) as work:
        schema = batch_service.request_schema(rehearsal.package)
        (work.root / task).mkdir(parents=True)
        lines = []
        for source, path in _files(args.data_url, data):
            result = work.root / task / f"{Path(source).name}_result.txt"
            line = {"source": source, **_classified(rehearsal, schema, path, result)}
            if line["result"] == "SUCCESSFUL":
                line["inference-loc"] = f"{url}/{task}/{result.name}"
            lines.append(line)
        manifest = work.root / f"{task}{MANIFEST}"
        manifest.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
        work.send()
    print(f"result manifest: {url}/{manifest.name}")
    return 0 if all(line["result"] == "SUCCESSFUL" for line in lines) else 1


def _classified(rehearsal: Rehearsal, schema: Dict[str, object], path: str, output: Path) -> Dict[str, str]:
    """Write the result of a file; returns its entries of the manifest."""
    try:
        with storage.fetched(path) as file:
            result = batch_service.classify(rehearsal, schema, Path(file), output)
    except (batch_service.FileError, StorageError) as error:
        print(f"{path}: failed: {error}")
        with contextlib.suppress(FileNotFoundError):
            output.unlink()
        return {"result": "FAILED", "error_message": str(error)}
    note = f"; {result.quoted:,} rows have a comma, a quote or a line end inside a cell, and the manual does not say " \
           "how the platform reads quotes" if result.quoted else ""
    print(f"{path}: {result.rows:,} rows{note}")
    return {"result": "SUCCESSFUL"}


def _files(url: str, data: str) -> Iterator[Tuple[str, str]]:
    """The name of each file in the result manifest, and its path or URL: of a file, a folder or a manifest.

    Raises:
        DataError: a line of the manifest has no source, or two files have the same name.
    """
    files: List[Tuple[str, str]] = [(url, data)]
    if Path(data).is_dir():
        names = [entry.name for entry in list_folder(data) if not entry.is_folder]
        files = [(f"{url.rstrip('/')}/{name}", f"{data}/{name}") for name in names]
    elif data.endswith(MANIFEST):
        files = [(source, source) for source in batch_files.listed(url, Path(data))]
    seen: Dict[str, str] = {}
    for source, _ in files:
        name = Path(source).name
        if name in seen:
            raise DataError(f"{url}: {seen[name]} and {source} have the same name, so that their results would be one "
                            "file; rename one of them")
        seen[name] = source
    return iter(files)
