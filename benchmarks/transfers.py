"""Many small files up and down: boto3's transfer functions, serial and with 16 threads, and copy_parallel.

    python benchmarks/transfers.py [files] [bytes]

The ways alternate; three rounds, medians. boto3 (of requirements-dev.txt, with moto) verifies no stored object;
copy_parallel requests every object after its upload and checks every download. Measured against an S3 server on this
machine (moto), whose own work dominates, and against the fault server of the tests without faults, which waits 10 ms
before each response, as a store behind a network does.
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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable, Dict, List, Tuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "shims"))

import moxing as mox  # noqa: E402

ROUNDS = 3
THREADS = 16  # the default of copy_parallel


def main(files: int = 1000, size: int = 10000) -> None:
    """Print one table per server."""
    for title, command in (("moto", ["-m", "moto.server", "-H", "127.0.0.1", "-p", "{port}"]),
                           ("10 ms away", [str(ROOT / "tests" / "storage" / "fault_server.py"), "{port}", "0.01"])):
        print(f"\n{files} files of {size} bytes, {title}:\n")
        _measure(command, files, size)


def _measure(command: List[str], files: int, size: int) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    server = subprocess.Popen([sys.executable, *(part.replace("{port}", str(port)) for part in command)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(endpoint)
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
        for index, (name, (up, down)) in enumerate(ways.items()):
            key, target = f"{turn}-{index}", folder / f"{turn}-{index}"
            target.mkdir()
            seconds.setdefault((name, "up"), []).append(_timed(up, str(source), key))
            seconds.setdefault((name, "down"), []).append(_timed(down, key, str(target)))
            assert len(list(target.rglob("*.txt"))) == files, name
    print("| way | up, s | files/s | down, s | files/s | verified |")
    print("|---|---|---|---|---|---|")
    for name in ways:
        up, down = (statistics.median(seconds[name, side]) for side in ("up", "down"))
        verified = "yes" if "copy_parallel" in name else "no"
        print(f"| {name} | {up:.1f} | {files / up:.0f} | {down:.1f} | {files / down:.0f} | {verified} |")


def _ways(endpoint: str) -> Dict[str, Tuple[Callable[[str, str], None], Callable[[str, str], None]]]:
    import boto3
    from botocore.config import Config

    plain = Config(max_pool_connections=THREADS, request_checksum_calculation="when_required",
                   response_checksum_validation="when_required")
    s3 = boto3.client("s3", "us-east-1", endpoint_url=endpoint, aws_access_key_id="name",
                      aws_secret_access_key="secret", config=plain)

    def put(source: str, key: str, threads: int) -> None:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda name: s3.upload_file(os.path.join(source, name), "bucket", f"{key}/{name}"),
                          sorted(os.listdir(source))))

    def get(key: str, target: str, threads: int) -> None:
        pages = s3.get_paginator("list_objects").paginate(Bucket="bucket", Prefix=f"{key}/")
        names = [content["Key"].rpartition("/")[2] for page in pages for content in page["Contents"]]
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda name: s3.download_file("bucket", f"{key}/{name}", os.path.join(target, name)), names))

    return {
        "upload_file, serial (boto3)": (lambda source, key: put(source, key, 1),
                                        lambda key, target: get(key, target, 1)),
        f"upload_file, {THREADS} threads (boto3)": (lambda source, key: put(source, key, THREADS),
                                                    lambda key, target: get(key, target, THREADS)),
        "mox.file.copy_parallel": (lambda source, key: mox.file.copy_parallel(source, f"obs://bucket/{key}"),
                                   lambda key, target: mox.file.copy_parallel(f"obs://bucket/{key}", target)),
    }


def _timed(way: Callable[[str, str], None], source: str, target: str) -> float:
    began = time.perf_counter()
    way(source, target)
    return time.perf_counter() - began


def _wait_for(endpoint: str) -> None:
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
