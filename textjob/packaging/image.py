"""The build context of a custom image: a package, its server, a Dockerfile, and ``config.json`` of the type Image."""
import shutil
from pathlib import Path

from textjob import manifest
from textjob.errors import PackageError, RefusedError
from textjob.packaging import config_json, package
from textjob.paths import PROJECT

CODE = ("infer.py", "customize_service.py", "requirements-serve.txt", "models", "textjob", "shims")
"""The files and folders of the project that the server needs."""


def write(source: Path, output: Path, address: str = "", overwrite: bool = False) -> None:
    """Write the context for the package ``source`` to a new folder; ``address`` is that of the image.

    Raises:
        PackageError: the package is incomplete or was changed.
        RefusedError: the folder exists and is not to be overwritten.
    """
    problems = package.problems(source)
    if problems:
        raise PackageError(f"--model {source}: {problems[0]}; infer.py check lists all problems")
    if output.is_file() or (output.is_dir() and any(output.iterdir()) and not overwrite):
        raise RefusedError(f"--output {output} exists and is not empty; choose another folder, or give --overwrite to "
                           "replace the whole folder")
    with manifest.staged(output) as context:
        for name in CODE:
            if (PROJECT / name).is_dir():
                shutil.copytree(str(PROJECT / name), str(context / name), ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copyfile(str(PROJECT / name), str(context / name))
        shutil.copyfile(str(PROJECT / "docker" / "serve.Dockerfile"), str(context / "Dockerfile"))
        shutil.copyfile(str(PROJECT / "docker" / "run.sh"), str(context / "run.sh"))
        package.copy(source, context / "model")
        config = manifest.read_json(source / package.CONFIG)
        manifest.write_json(context / package.CONFIG, config_json.of_image(config, address))
