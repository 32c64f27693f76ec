"""Runs jobs in children of a process that has TensorFlow imported already, and kills them.

    resuming.py    reads JSON lines {"argv": [...], "kill_after": seconds or null, "kill_at": n or null,
                   "signal": name or null}; answers a JSON line {"code": exit code, negative for a signal, "seconds"}

``kill_at`` kills the child itself before its n-th file operation below a folder ``checkpoints``, counted from the
moment that a first complete checkpoint is there: no moment is left to chance.
"""
import glob
import json
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import train  # TensorFlow with it; nothing runs in it before the fork
from textjob import errors
from textjob.job import interruption

OPERATIONS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree", "os.scandir"}


def child(argv, kill_at):
    out = argv[argv.index("--train_url") + 1]
    count, looking = [0], [False]

    def hook(event, arguments):
        if looking[0] or event not in OPERATIONS or "/checkpoints/" not in str(arguments[:1]):
            return
        looking[0] = True  # the look itself is an operation
        begun = count[0] or glob.glob(out + "/checkpoints/*/ckpt-*/manifest.json")
        looking[0] = False
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
    answers = os.fdopen(os.dup(1), "w")
    log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    for line in sys.stdin:
        asked = json.loads(line)
        began = time.time()
        pid = os.fork()
        if pid == 0:
            child(asked["argv"], asked.get("kill_at"))
        if asked.get("kill_after") is not None:
            time.sleep(asked["kill_after"])
            os.kill(pid, getattr(signal, asked.get("signal") or "SIGKILL"))
        _, status = os.waitpid(pid, 0)
        code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        answers.write(json.dumps({"code": code, "seconds": time.time() - began}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
