"""A rehearsal of the whole job without an account: a local object store, a v1 and a v2 training job, a prediction.

    python tools/dryrun.py [--python PYTHON]

Starts an S3 server on loopback (moto, from requirements-dev.txt), uploads a small data set to obs://dryrun/data, runs
``train.py`` as both generations of the platform's training jobs do, downloads each package from the store and predicts
a text with it. ``--python`` is the interpreter that runs the jobs, such as one with TensorFlow 2.1.
"""
import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any, Dict, List, Sequence

import sample_data

PROJECT = Path(__file__).resolve().parent.parent
BUCKET = "obs://dryrun"
TEXT = "the team won the match 比赛"
TRAINING = ["--models=cnn,rnn", "--epochs=8", "--min_count=1", "--max_length=50"]


def main(argv: Sequence[str]) -> int:
    """Run both jobs and predict with each package; 0 if all succeeded."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--python", default=sys.executable, help="the interpreter that runs the jobs")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        scratch, port = Path(folder), _free_port()
        server = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            environment = _store(f"http://127.0.0.1:{port}")
            mox = _moxing(environment)
            for seed, (part, rows) in enumerate([("train", 300), ("dev", 60), ("test", 60)]):
                sample_data.write_rows(scratch / (part + ".tsv"), rows, seed)
                mox.copy(str(scratch / (part + ".tsv")), f"{BUCKET}/data/{part}.tsv")
            _v1(args.python, environment)
            _v2(args.python, environment, mox, scratch)
            for job in ("v1", "v2"):
                _predict(args.python, mox, f"{BUCKET}/{job}/model", scratch / job / "model")
        finally:
            server.terminate()
            server.wait()
    print("dry run: both generations of jobs trained, uploaded and predicted")
    return 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _store(endpoint: str) -> Dict[str, str]:
    """The environment of a job with this store. Waits for the server and makes the bucket."""
    for _ in range(150):
        try:
            urllib.request.urlopen(urllib.request.Request(endpoint + "/dryrun", method="PUT"), timeout=2).close()
            break
        except OSError:
            time.sleep(0.2)
    else:
        raise SystemExit("the S3 server did not start; install it with pip install -r requirements-dev.txt")
    # Without NO_PROXY, requests to this machine would go through a proxy, if one is configured.
    return dict(os.environ, S3_ENDPOINT=endpoint, ACCESS_KEY_ID="dryrun", SECRET_ACCESS_KEY="dryrun", S3_USE_HTTPS="0",
                NO_PROXY="127.0.0.1", PYTHONDONTWRITEBYTECODE="1", TF_CPP_MIN_LOG_LEVEL="2")


def _moxing(environment: Dict[str, str]) -> Any:
    os.environ.update(environment)
    sys.path.insert(0, str(PROJECT))
    from textjob.job import storage
    return storage.moxing()


def _run(command: List[str], environment: Dict[str, str], expected: str) -> None:
    """Run one process of a job as the platform does; prints its output, which must contain ``expected``."""
    print("$ " + " ".join(command[1:]), flush=True)
    done = subprocess.run(command, cwd=str(PROJECT), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    print(done.stdout, flush=True)
    if done.returncode or expected not in done.stdout:
        raise SystemExit(f"exit code {done.returncode}; 0 and the text {expected!r} in the output above are expected")


def _v1(python: str, environment: Dict[str, str]) -> None:
    """A v1 job: OBS URLs, one ps and one worker process per node; the job itself copies the data."""
    bucket = BUCKET.replace("obs://", "s3://")  # the platform rewrites it before the script sees it
    flags = [f"--data_url={bucket}/data/", f"--train_url={bucket}/v1/", "--num_gpus=0",
             "--ps_hosts=127.0.0.1:2222", "--worker_hosts=127.0.0.1:2223", "--task_index=0", "--init_method="]
    _run([python, "train.py", *flags, "--job_name=ps"], environment, "parameter server")
    _run([python, "train.py", *flags, "--job_name=worker", *TRAINING], environment, "best: ")


def _v2(python: str, environment: Dict[str, str], mox: Any, scratch: Path) -> None:
    """A v2 job on two nodes: local folders that the platform downloads and uploads."""
    home = scratch / "modelarts"
    inputs, outputs = home / "inputs" / "data_url_0", home / "outputs" / "train_url_0"
    outputs.mkdir(parents=True)
    mox.copy_parallel(BUCKET + "/data", str(inputs))
    variables = {"MA_HOME": str(scratch), "MA_MOUNT_PATH": str(home), "MA_JOB_DIR": str(PROJECT.parent),
                 "MA_TASK_NAME": "worker", "MA_NUM_HOSTS": "2", "MA_NUM_GPUS": "0", "VC_WORKER_NUM": "2",
                 "VC_WORKER_HOSTS": "127.0.0.1:2301,127.0.0.1:2302",  # the platform names hosts without ports
                 "train_url": str(outputs)}  # an output whose path comes from the environment
    flags = ["--data_url", str(inputs)]
    command = [python, "train.py", *flags, *TRAINING]
    with subprocess.Popen(command, cwd=str(PROJECT), env=dict(environment, **variables, VC_TASK_INDEX="1"),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as second:
        try:
            _run(command, dict(environment, **variables, VC_TASK_INDEX="0"), "best: ")
            output = second.communicate(timeout=120)[0]
        finally:
            second.kill()
    print(f"the second node:\n{output}", flush=True)
    if second.returncode or not ("the training has ended" in output or "this node ends" in output):
        raise SystemExit(f"exit code {second.returncode} of the second node; 0 is expected")
    mox.copy_parallel(str(outputs), BUCKET + "/v2")


def _predict(python: str, mox: Any, url: str, package: Path) -> None:
    mox.copy_parallel(url, str(package))
    command = [python, "infer.py", "predict", "--model", str(package), "--top_k", "1", TEXT]
    done = subprocess.run(command, cwd=str(PROJECT), capture_output=True, text=True)
    print(f"{url} predicts {done.stdout.strip()}", flush=True)
    if done.returncode or json.loads(done.stdout)["predicted_label"] != "sport":
        raise SystemExit(done.stderr[-2000:] or "the label 'sport' was expected")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
