"""``model_card.json``: the data, the settings, the metrics and the golden answers of a package."""
import platform
from typing import List, Optional

import numpy as np
import tensorflow as tf

from textjob.data.dataset import Dataset
from textjob.results import DataFacts, Evaluation, GoldenAnswer, ModelCard, TrainingFacts, TrainingResult
from textjob.settings import Settings

FORMAT = 1


def model_card(name: str, data: Dataset, settings: Settings, trained: TrainingResult, dev: Evaluation,
               test: Optional[Evaluation], golden: List[GoldenAnswer]) -> ModelCard:
    """The model card of a package; ``test`` is None if the data had no test part."""
    return ModelCard(
        format=FORMAT, model=name, labels=data.labels,
        data=DataFacts(data.digest, len(data.train.texts), len(data.dev.texts), len(data.test.texts), data.notes),
        settings=settings.recorded(name), seed=settings.seed,
        versions={"python": platform.python_version(), "tensorflow": tf.__version__, "numpy": np.__version__},
        training=TrainingFacts(round(trained.seconds, 2), trained.best_epoch, trained.history, trained.temperature,
                               trained.wide_rows),
        dev=dev, test=test, golden=golden)
