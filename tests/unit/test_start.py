"""What the commands import: a mistake is answered at once, and TensorFlow is imported without Keras."""
import os
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Set

import pytest

from textjob.paths import PROJECT

HEAVY = {"numpy", "scipy", "sklearn", "matplotlib", "tensorflow", "keras", "fsspec", "uvicorn"}


def modules_of(command: str, *argv: str) -> Set[str]:
    """The top-level modules that a command has imported when it ends, however it ends."""
    program = (f"import sys\nimport {command}\nfrom textjob import errors\n"
               f"try:\n    errors.run(lambda: {command}.main({list(argv)!r}))\n"
               "except SystemExit:\n    pass\nsys.stderr.write('\\n' + ' '.join(sorted(sys.modules)))\n")
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], cwd=str(PROJECT), stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, check=True)
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("command, argv", [
    ("train", ["--help"]), ("train", ["--epoch", "3"]), ("train", ["--data_url", "no/such", "--train_url", "out"]),
    ("train", ["--epochs", "-1", "--data_url", "x", "--train_url", "out"]),
    ("infer", ["--help"]), ("infer", ["adopt", "--help"]), ("infer", ["serve", "--help"]),
    ("infer", ["image", "--help"]), ("infer", ["image", "--model", "no/such", "--output", "context"]),
    ("infer", ["predict", "--model", "no/such", "a text"]),
    ("infer", ["batch", "--model", "no/such"])], ids=lambda value: value if isinstance(value, str) else value[0])
def test_help_and_mistakes_are_answered_without_a_large_import(command: str, argv: List[str]) -> None:
    assert modules_of(command, *argv) & HEAVY == set()


def test_predict_needs_neither_training_nor_scikit_learn_nor_keras(packages: Dict[str, Path]) -> None:
    package = next(iter(packages.values()))
    program = (f"import sys\nimport infer\ninfer.main(['predict', '--model', {str(package)!r}, 'a text'])\n"
               "assert 'tensorflow' in sys.modules\nsys.stderr.write('\\n' + ' '.join(sorted(sys.modules)))\n")
    environment = {key: value for key, value in os.environ.items() if key != "TF_USE_LEGACY_KERAS"}
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], cwd=str(PROJECT), env=environment,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
    imported = set(done.stderr.splitlines()[-1].split())
    assert {name for name in imported if name.startswith(("textjob.training", "keras", "sklearn"))} == set()


def test_tensorflow_starts_without_a_word_and_a_failure_during_its_import_is_printed() -> None:
    program = "from textjob import process; process.without_keras(); process.import_tensorflow()"
    done = subprocess.run([sys.executable, "-c", program], cwd=str(PROJECT), capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
    broken = "import sys; sys.modules['tensorflow.python'] = None; " + program
    done = subprocess.run([sys.executable, "-c", broken], cwd=str(PROJECT), capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "import of tensorflow.python halted" in done.stderr
