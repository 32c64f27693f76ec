"""Requests per second and latency by wrk, which is a Debian package; its script sends prepared requests at random."""
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import List, Optional, Sequence

SCRIPT = """
local requests = {%s}
function request() return requests[math.random(#requests)] end
function done(summary, latency, requests)
  print(string.format("[%%d, %%d, %%d, %%d, %%d]", summary.requests, summary.duration, latency:percentile(50),
                      latency:percentile(99), summary.errors.status + summary.errors.connect + summary.errors.read
                      + summary.errors.write + summary.errors.timeout))
end
"""


def is_installed() -> bool:
    """Whether wrk is on the path."""
    return shutil.which("wrk") is not None


def wrk(requests: Sequence[bytes], port: int, connections: int, seconds: float) -> Optional[List[float]]:
    """Requests per second, p50 and p99 in milliseconds, requests, errors; None if wrk is not installed."""
    if not is_installed():
        return None
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "script.lua")
        script.write_text(SCRIPT % ", ".join(map(_quoted, requests)), encoding="ascii")
        output = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "30s",
                                 "-s", str(script), f"http://127.0.0.1:{port}/"],
                                check=True, stdout=subprocess.PIPE, text=True).stdout
    count, microseconds, p50, p99, errors = json.loads(output.splitlines()[-1])
    return [count / microseconds * 1e6, p50 / 1000, p99 / 1000, count, errors]


def _quoted(request: bytes) -> str:
    return '"' + "".join(f"\\{byte:03d}" for byte in request) + '"'
