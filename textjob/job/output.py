"""The output folder ``--train_url``: a package per model, a copy of the best one, the report, logs, checkpoints."""
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Mapping

from textjob import manifest
from textjob.errors import PackageError, RefusedError
from textjob.job.storage import Workspace
from textjob.packaging import package
from textjob.results import ModelCard
from textjob.settings import Settings

if TYPE_CHECKING:
    from textjob.data.dataset import Dataset
    from textjob.training.checkpoints import Checkpoints


class Output:
    """The output folder of one job."""

    def __init__(self, settings: Settings, data: "Dataset", work: Workspace) -> None:
        self.root, self.send = work.root, work.send
        self._settings, self._digest = settings, data.digest

    def package(self, name: str) -> Path:
        """The package of a model."""
        return self.root / name / "model"

    def place(self, part: str) -> str:
        """Where a part of the output is for the user: in a folder or in an object store."""
        return f"{self._settings.train_url.rstrip('/')}/{part}"

    def logs(self, name: str) -> Path:
        """The folder of a model's TensorBoard events."""
        return self.root / "logs" / name

    def dev_predictions(self, name: str) -> Path:
        """The predictions of a model for the dev part, which the report shows where there is no test part."""
        return self.logs(name) / "dev_predictions.npz"

    def checkpoints(self, name: str) -> "Checkpoints":
        """The checkpoints of a model, with the settings and the data that a run must share to continue from them."""
        from textjob.training.checkpoints import Checkpoints  # imports NumPy, which a wrong flag need not wait for

        identity = {"model": name, "settings": self._settings.recorded(name), "data": {"sha256": self._digest}}
        return Checkpoints(self.root / "checkpoints" / name, identity, lambda: self._send_progress(name))

    def _send_progress(self, name: str) -> None:
        self.send("checkpoints/" + name)
        self.send("logs/" + name)

    def open(self) -> List[str]:
        """Prepare the folder; returns the models of this job that are finished already.

        Raises:
            RefusedError: a package or a checkpoint in the folder was made with other settings or from other data, and
                ``overwrite`` is not set. Nothing has been changed.
        """
        if self.root.exists() and not self.root.is_dir():
            raise RefusedError(f"--train_url {self.root} is a file; expected a folder")
        finished = self._finished()
        begun = self._begun()
        for name in self._settings.models:
            manifest.clear_leftovers(self.package(name))
            if name in finished or self._settings.overwrite:
                self.checkpoints(name).clear()
            if name not in finished and (name not in begun or self._settings.overwrite):
                shutil.rmtree(str(self.logs(name)), ignore_errors=True)
        return finished

    def _finished(self) -> List[str]:
        finished = []
        for path in sorted(self.root.glob("*/model/" + package.CARD)):
            name, problems = path.parent.parent.name, package.problems(path.parent)
            try:
                recorded = manifest.read_json(path)
            except PackageError:
                continue  # a damaged package without a readable card is made again
            self._refuse_another_run(recorded, path.parent)
            if name in self._settings.models and not self._settings.overwrite and not problems:
                finished.append(name)
        return finished

    def _begun(self) -> List[str]:
        """The models of this job that have a checkpoint."""
        begun = []
        for name in self._settings.models:
            facts = self.checkpoints(name).facts()
            if facts:
                self._refuse_another_run(facts, self.root / "checkpoints" / name)
                begun.append(name)
        return begun

    def _refuse_another_run(self, recorded: Mapping[str, Any], place: Path) -> None:
        differing = self._differences(recorded)
        if differing and not self._settings.overwrite:
            raise RefusedError(f"{place} was made by another run; it differs in {'; '.join(differing)}. Give another "
                               "--train_url, or --overwrite to train again here")

    def _differences(self, recorded: Mapping[str, Any]) -> List[str]:
        """Where a model card or the facts of a checkpoint differ from this job, in what a model learns."""
        differing = self._settings.differences(str(recorded.get("model")), recorded.get("settings", {}))
        before = recorded.get("data", {}).get("sha256")
        return differing + (["data (other rows)"] if before != self._digest else [])

    def outdated(self, names: List[str]) -> Dict[str, List[str]]:
        """Of finished models, those whose package was written with other settings of the package, and which these are.
        """
        differing = {}
        for name in names:
            recorded = manifest.read_json(self.package(name) / package.CARD).get("settings", {})
            differing[name] = self._settings.differences(name, recorded, "package")
        return {name: keys for name, keys in differing.items() if keys}

    def cards(self) -> Dict[str, ModelCard]:
        """The model cards of the complete packages of this run, those of ``--models`` first and in its order."""
        names = [path.parent.name for path in sorted(self.root.glob("*/model"))]
        ordered = self._settings.models + [name for name in names if name not in self._settings.models]
        complete = {name: package.card_of(self.package(name)) for name in ordered}
        return {name: ModelCard.from_json(card) for name, card in complete.items()
                if card and not self._differences(card)}

    def publish_best(self, cards: Mapping[str, ModelCard]) -> str:
        """Copy the best package to ``model/``, which "import from training job" reads; returns the model's name.

        The best model has the highest macro-F1 on dev, then the highest accuracy, then it is the first of ``cards``.
        """
        best = max(cards, key=lambda name: (cards[name].dev.macro_f1, cards[name].dev.accuracy,
                                            -list(cards).index(name)))
        published = self.root / "model"
        if package.problems(published) or not _same(self.package(best), published):
            package.copy(self.package(best), published)
        self.send("model")
        return best

    def write_metrics(self, card: ModelCard) -> None:
        """Write ``metric.json``: the figures that the platform shows on the page of the training job."""
        figures = card.figures
        manifest.write_json(self.root / "metric.json", {"total_metric": {"total_metric_values": {
            "accuracy": figures.accuracy, "f1_score": figures.macro_f1, "precision": figures.precision,
            "recall": figures.recall}}})


def _same(one: Path, other: Path) -> bool:
    return manifest.read_json(one / manifest.MANIFEST) == manifest.read_json(other / manifest.MANIFEST)
