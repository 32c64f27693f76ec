"""Many small files up and down: a plain loop, the client's own recursive copy, and copy_parallel.

    python benchmarks/transfers.py [files] [bytes]

Each way in turn, three rounds, medians. The first two are s3fs alone: they verify nothing. copy_parallel asks the store
for every object that it has sent, and checks every one that it fetches. Once against an S3 server on this machine
(moto), whose own work is nearly all that is measured; once against the tests' light server, which waits 10 ms before
each answer, as a store at the other end of a network does.
"""
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Callable, Dict, List, Tuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "shims"))

import moxing as mox  # noqa: E402

ROUNDS = 3


def main(files: int = 1000, size: int = 10000) -> None:
    """Print a table for each server."""
    for title, command in (("moto", ["-m", "moto.server", "-H", "127.0.0.1", "-p", "{port}"]),
                           ("10 ms away", [str(ROOT / "tests" / "storage" / "fault_server.py"), "{port}", "0.01"])):
        print(f"\n{files} files of {size} bytes, {title}:\n")
        _measure(command, files, size)


def _measure(command: List[str], files: int, size: int) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    server = subprocess.Popen([sys.executable, *(part.format(port=port) for part in command)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await(endpoint)
        os.environ.update(S3_ENDPOINT=endpoint, ACCESS_KEY_ID="name", SECRET_ACCESS_KEY="secret")
        with tempfile.TemporaryDirectory() as folder:
            _run(endpoint, Path(folder), files, size)
    finally:
        server.terminate()
        server.wait()


def _run(endpoint: str, folder: Path, files: int, size: int) -> None:
    source = folder / "source"
    source.mkdir()
    for number in range(files):
        (source / f"{number:05d}.txt").write_bytes(os.urandom(size))
    seconds: Dict[Tuple[str, str], List[float]] = {}
    ways = _ways(endpoint)
    for turn in range(ROUNDS):
        for name, (up, down) in ways.items():
            key, here = f"bucket/{turn}-{len(name)}", folder / f"{turn}-{len(name)}"
            here.mkdir()
            seconds.setdefault((name, "up"), []).append(_timed(up, str(source), key))
            seconds.setdefault((name, "down"), []).append(_timed(down, key, str(here)))
            assert len(list(here.rglob("*.txt"))) == files, name
    print("| way | up, s | files/s | down, s | files/s | verified |")
    print("|---|---|---|---|---|---|")
    for name in ways:
        up, down = (statistics.median(seconds[name, side]) for side in ("up", "down"))
        print("| {} | {:.1f} | {:.0f} | {:.1f} | {:.0f} | {} |".format(
            name, up, files / up, down, files / down, "yes" if "copy_parallel" in name else "no"))


def _ways(endpoint: str) -> Dict[str, Tuple[Callable[[str, str], None], Callable[[str, str], None]]]:
    import s3fs

    fs = s3fs.S3FileSystem(key="name", secret="secret", client_kwargs={"endpoint_url": endpoint},
                           use_listings_cache=False)

    def put_each(source: str, key: str) -> None:
        for name in sorted(os.listdir(source)):
            fs.put_file(os.path.join(source, name), key + "/" + name)

    def get_each(key: str, target: str) -> None:
        for name in fs.ls(key, detail=False):
            fs.get_file(name, os.path.join(target, name.rpartition("/")[2]))

    return {
        "serial loop (s3fs)": (put_each, get_each),
        "put/get, recursive (s3fs)": (lambda source, key: fs.put(source + "/", key + "/", recursive=True),
                                      lambda key, target: fs.get(key + "/", target + "/", recursive=True)),
        "mox.file.copy_parallel": (lambda source, key: mox.file.copy_parallel(source, "obs://" + key),
                                   lambda key, target: mox.file.copy_parallel("obs://" + key, target)),
    }


def _timed(way: Callable[[str, str], None], source: str, target: str) -> float:
    began = time.perf_counter()
    way(source, target)
    return time.perf_counter() - began


def _await(endpoint: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(urllib.request.Request(endpoint + "/bucket", method="PUT"), timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:3]))
