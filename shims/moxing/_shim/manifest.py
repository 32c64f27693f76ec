"""``copy_manifest``: the files that a data set's manifest names, fetched into one folder."""
import json
import logging
import posixpath
from typing import List

from moxing._shim import pool
from moxing._shim.stores import Place, locate
from moxing._shim.transfer import transfer

log = logging.getLogger("moxing")


def copy_sources(manifest: str, text: str, target: Place, threads: int) -> None:
    """Each line's ``source``, below ``target`` as the sources lie below the folder that they share.

    So two files of one name in two folders do not meet. ``content://`` lines hold their text themselves.
    """
    urls: List[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            source = json.loads(line)["source"]
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{manifest}, line {number}: no JSON object with a source")
        if not source.startswith("content://"):
            urls.append(source)
    if not urls:
        log.warning("%s: No files to copy", manifest)
        return
    urls = list(dict.fromkeys(urls))
    shared = posixpath.commonpath([posixpath.dirname(url) for url in urls])
    pool.each(lambda url: transfer(locate(url), target.child(posixpath.relpath(url, shared))), urls, threads, manifest)
