"""The Dockerfiles, and the build context of ``infer.py image``."""
import json
from pathlib import Path

import dockerfiles
import pytest
from jobs import read_json

import infer
from textjob import errors
from textjob.paths import PROJECT

ADDRESS = "swr.example.com/team/news:1.0"


@pytest.fixture(scope="module")
def context(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("image") / "context"
    assert infer.main(["image", "--model", str(tiny_run), "--output", str(folder), "--swr_location", ADDRESS]) == 0
    return folder


def test_the_context_holds_every_source_of_a_copy_and_the_package_unchanged(context: Path, tiny_run: Path) -> None:
    instructions = dockerfiles.read(context / "Dockerfile")
    sources = [source for sources, _ in dockerfiles.copies(instructions) for source in sources]
    assert {"infer.py", "model", "run.sh", "textjob"} <= set(sources)
    assert [source for source in sources if not (context / source).exists()] == []
    assert {path.name for path in context.iterdir()} == {*sources, "Dockerfile", "config.json"}
    assert read_json(context / "model" / "manifest.json") == read_json(tiny_run / "model" / "manifest.json")
    assert not list(context.rglob("__pycache__"))


def test_the_project_holds_every_source_of_a_copy_of_the_training_image() -> None:
    instructions = dockerfiles.read(PROJECT / "docker" / "train.Dockerfile")
    sources = [source for sources, _ in dockerfiles.copies(instructions) for source in sources]
    sent = (PROJECT / "docker" / "train.Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line[1:] for line in sent if line.startswith("!")} == set(sources)
    assert "train.py" in sources and [source for source in sources if not (PROJECT / source).exists()] == []


@pytest.mark.parametrize("name", ["serve", "train"])
def test_an_image_has_a_slim_python_and_the_user_of_the_platform(name: str) -> None:
    instructions = dockerfiles.read(PROJECT / "docker" / f"{name}.Dockerfile")
    assert dockerfiles.values(instructions, "FROM") == ["python:${PYTHON}-slim"]
    assert dockerfiles.arguments(instructions)["PYTHON"] == "3.11"
    assert dockerfiles.values(instructions, "USER") == ["1000:100"]
    last = [each.name for each in instructions].index("USER")
    assert not {"RUN", "COPY"} & {each.name for each in instructions[last:]}


def test_the_serving_image_listens_on_8080_and_starts_the_boot_file_of_batch_services() -> None:
    instructions = dockerfiles.read(PROJECT / "docker" / "serve.Dockerfile")
    assert dockerfiles.values(instructions, "EXPOSE") == ["8080"]
    assert dockerfiles.command(instructions) == ["sh", "/home/run.sh"]
    targets = {source: target for sources, target in dockerfiles.copies(instructions) for source in sources}
    assert targets["run.sh"] == "/home/run.sh" and targets["model"] == "/home/mind/model/"


def test_the_config_json_of_an_image_has_the_api_of_the_package_and_a_health_check(
        context: Path, tiny_run: Path) -> None:
    config, of_package = read_json(context / "config.json"), read_json(tiny_run / "model" / "config.json")
    assert config["model_type"] == "Image" and config["swr_location"] == ADDRESS
    assert config["apis"] == of_package["apis"] and config["metrics"] == of_package["metrics"]
    assert {"url": "/health", "protocol": "http"}.items() <= config["health"].items()
    assert all(isinstance(value, str) for value in config["health"].values())
    assert not {"runtime", "dependencies"} & set(config)


def test_a_folder_that_exists_is_replaced_with_overwrite_only(
        context: Path, tiny_run: Path, tmp_path: Path) -> None:
    output = tmp_path / "context"
    output.mkdir()
    (output / "mine.txt").write_text("kept", encoding="utf-8")
    command = ["image", "--model", str(tiny_run), "--output", str(output)]
    with pytest.raises(errors.RefusedError, match="--overwrite"):
        infer.main(command)
    assert [path.name for path in output.iterdir()] == ["mine.txt"]
    assert infer.main([*command, "--overwrite"]) == 0
    assert not (output / "mine.txt").exists() and "swr_location" not in read_json(output / "config.json")


def test_a_damaged_package_and_a_remote_output_are_refused(tiny_run: Path, tmp_path: Path) -> None:
    package = tmp_path / "model"
    package.mkdir()
    for name in ("saved_model.pb", "manifest.json"):
        (package / name).write_bytes((tiny_run / "model" / name).read_bytes())
    with pytest.raises(errors.PackageError, match="is missing"):
        infer.main(["image", "--model", str(package), "--output", str(tmp_path / "context")])
    with pytest.raises(errors.UsageError, match="on this machine"):
        infer.main(["image", "--model", str(tiny_run), "--output", "obs://bucket/context"])
    assert not (tmp_path / "context").exists()


def test_the_context_names_no_address_but_that_of_the_image(context: Path) -> None:
    names = ("Dockerfile", "run.sh", "requirements-serve.txt")
    texts = [(context / name).read_text(encoding="utf-8") for name in names]
    assert not any("://" in text or "--index-url" in text for text in texts)
    assert ADDRESS in json.dumps(read_json(context / "config.json"))
