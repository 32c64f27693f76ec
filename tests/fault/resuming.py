"""Runs jobs in child processes and kills them; TensorFlow is imported once, in the parent process.

    resuming.py LOG    reads JSON lines {"argv": [...], "kill_after": seconds or null, "kill_at": n or null,
                       "signal": name or null}; writes for each a JSON line {"code": exit code, negative for a signal,
                       "seconds"}; the output of the jobs goes to LOG

``kill_at`` makes the child kill itself before its n-th file operation in a folder ``checkpoints``, counted from the
first complete checkpoint, so that a test can kill at every operation in turn.
"""
import glob
import json
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow  # noqa: F401  # imported before the fork, but not used: it does not work after a fork

import train
from textjob import errors
from textjob.job import interruption
from textjob.packaging import export  # noqa: F401
from textjob.training import trainer  # noqa: F401

OPERATIONS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree", "os.scandir"}


def child(argv, kill_at):
    out = argv[argv.index("--train_url") + 1]
    count, inside_hook = [0], [False]

    def hook(event, arguments):
        if inside_hook[0] or event not in OPERATIONS or "/checkpoints/" not in str(arguments[:1]):
            return
        inside_hook[0] = True  # glob is a file operation too
        begun = count[0] or glob.glob(out + "/checkpoints/*/ckpt-*/manifest.json")
        inside_hook[0] = False
        count[0] += bool(begun)
        if count[0] == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    if kill_at is not None:
        sys.addaudithook(hook)
    with interruption.handled():
        code = errors.run(lambda: train.main(argv))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main():
    results = os.fdopen(os.dup(1), "w")
    log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    for line in sys.stdin:
        request = json.loads(line)
        began = time.time()
        pid = os.fork()
        if pid == 0:
            child(request["argv"], request.get("kill_at"))
        if request.get("kill_after") is not None:
            time.sleep(request["kill_after"])
            os.kill(pid, getattr(signal, request.get("signal") or "SIGKILL"))
        _, status = os.waitpid(pid, 0)
        code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        results.write(json.dumps({"code": code, "seconds": time.time() - began}) + "\n")
        results.flush()


if __name__ == "__main__":
    main()
