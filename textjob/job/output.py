"""What lies under ``--train_url``: a package for each model, the best one's copy, the report, logs."""
import shutil
from pathlib import Path
from typing import Any, Dict, List

from textjob import manifest
from textjob.data.dataset import Dataset
from textjob.errors import PackageError, RefusedError
from textjob.job.storage import Workspace
from textjob.packaging import package
from textjob.settings import Settings
from textjob.training.checkpoints import Checkpoints


class Output:
    """The output folder of one job."""

    def __init__(self, settings: Settings, data: Dataset, work: Workspace) -> None:
        self.root, self.send = work.root, work.send
        self._settings, self._digest = settings, data.digest

    def package(self, name: str) -> Path:
        """Where a model's package goes."""
        return self.root / name / "model"

    def place(self, part: str) -> str:
        """Where a part of the output is for the user: in a folder, or in an object store."""
        return "{}/{}".format(self._settings.train_url.rstrip("/"), part)

    def logs(self, name: str) -> Path:
        """Where a model's TensorBoard events go."""
        return self.root / "logs" / name

    def checkpoints(self, name: str) -> Checkpoints:
        """A model's checkpoints while it trains, and what a run must have in common with one that it goes on from."""
        identity = {"model": name, "settings": self._settings.of_model(name), "data": {"sha256": self._digest}}
        return Checkpoints(self.root / "checkpoints" / name, identity, lambda: self._send_progress(name))

    def _send_progress(self, name: str) -> None:
        self.send("checkpoints/" + name)
        self.send("logs/" + name)

    def open(self) -> List[str]:
        """Make the folder ready; returns the models of this job that are finished already.

        Raises:
            RefusedError: a package here was made with other settings or from other data, and is not to be overwritten.
        """
        if self.root.exists() and not self.root.is_dir():
            raise RefusedError(f"--train_url {self.root} is a file; it must be a folder")
        finished = []
        for path in sorted(self.root.glob("*/model/" + package.CARD)):
            name, damaged = path.parent.parent.name, package.problems(path.parent)
            try:
                differing = self._differing(manifest.read_json(path))
            except PackageError:
                continue  # of a damaged package that does not even say what it is; it is made anew
            if differing and not self._settings.overwrite:
                raise RefusedError(
                    "{} holds a model of another run; it differs in {}. Give another --train_url, or --overwrite to "
                    "train again here".format(path.parent, "; ".join(differing)))
            if name in self._settings.models and not self._settings.overwrite and not damaged:
                finished.append(name)
        begun = self._begun()
        for name in self._settings.models:
            manifest.clear_leftovers(self.package(name))
            if name in finished or self._settings.overwrite:
                self.checkpoints(name).clear()
            if name not in finished and (name not in begun or self._settings.overwrite):
                shutil.rmtree(str(self.logs(name)), ignore_errors=True)
        return finished

    def _begun(self) -> List[str]:
        """The models of this job that have a checkpoint to go on from.

        Raises:
            RefusedError: it was made with other settings or from other data, and is not to be overwritten.
        """
        begun = []
        for name in self._settings.models:
            facts = self.checkpoints(name).facts()
            differing = self._differing(facts) if facts else []
            if differing and not self._settings.overwrite:
                raise RefusedError(
                    "{} holds the checkpoints of another run; it differs in {}. Give another --train_url, or "
                    "--overwrite to train again here".format(self.root / "checkpoints" / name, "; ".join(differing)))
            if facts:
                begun.append(name)
        return begun

    def _differing(self, card: Dict[str, Any]) -> List[str]:
        """The keys in which a package here differs from what this job would make, with both values."""
        name, now = str(card.get("model")), {}
        if name in self._settings.model:
            now = self._settings.of_model(name)
        before = card.get("settings", {})
        found = ["{} (was {}, is {})".format(key, before.get(key, "not there"), now.get(key, "not there"))
                 for key in sorted(set(before) | set(now)) if before.get(key) != now.get(key)]
        return found + (["data (its hash is another)"] if card.get("data", {}).get("sha256") != self._digest else [])

    def cards(self) -> Dict[str, Dict[str, Any]]:
        """The cards of this run's complete packages, those of ``--models`` first and in its order."""
        names = [path.parent.name for path in sorted(self.root.glob("*/model"))]
        ordered = self._settings.models + [name for name in names if name not in self._settings.models]
        cards = {name: package.card_of(self.package(name)) for name in ordered}
        return {name: card for name, card in cards.items() if card and not self._differing(card)}

    def publish_best(self, cards: Dict[str, Dict[str, Any]]) -> str:
        """Copy the best package to ``model/``, where "import from training job" looks; returns its name."""
        best = max(cards, key=lambda name: (cards[name]["dev"]["macro_f1"], cards[name]["dev"]["accuracy"],
                                            -list(cards).index(name)))
        published = self.root / "model"
        if package.problems(published) or not _same(self.package(best), published):
            package.copy(self.package(best), published)
        self.send("model")
        return best

    def write_metrics(self, card: Dict[str, Any]) -> None:
        """``metric.json``, the figures of the best model where the platform's training page looks for them."""
        figures = card["test"] or card["dev"]
        manifest.write_json(self.root / "metric.json", {"total_metric": {"total_metric_values": {
            "accuracy": figures["accuracy"], "f1_score": figures["macro_f1"], "precision": figures["precision"],
            "recall": figures["recall"]}}})


def _same(one: Path, other: Path) -> bool:
    return manifest.read_json(one / manifest.MANIFEST) == manifest.read_json(other / manifest.MANIFEST)
