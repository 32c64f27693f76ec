"""The same networks in PyTorch: in the style of a tutorial, and with the known ways to make PyTorch faster.

``fixed``: every text is padded to the longest of the training part, Adam updates all weights. ``bucketed``: batches of
similar length are padded to their own longest text, Adam updates the dense weights and ``SparseAdam`` the embedding.
``packed``: like ``bucketed``, and the LSTM reads a ``pack_padded_sequence``.
"""
from typing import Any, Dict, List, Mapping

import numpy as np
import torch
import torch._dynamo  # imported by its optimizers; an import after TensorFlow crashes
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from textjob.settings import Settings
from textjob.text.encoding import Encoded
from textjob.training import batches
from textjob.training.inputs import Inputs

WAYS: Dict[str, List[str]] = {
    "cnn": ["fixed", "bucketed"], "rnn": ["fixed", "bucketed", "packed"], "rcnn": ["fixed", "bucketed", "packed"]}


class Torch:
    """A network, its optimizers and its data."""

    def __init__(self, name: str, inputs: Inputs, job: Settings, way: str) -> None:
        torch.manual_seed(job.seed)
        self._inputs, self._job, self._way = inputs, job, way
        self._longest = int(inputs.train.lengths.max())
        self._model = _Network(
            name, len(inputs.vocabulary) + 2, len(inputs.labels), job.model[name], job.keep_prob, way)
        self.weights = sum(parameter.numel() for parameter in self._model.parameters())
        embedding = list(self._model.embedding.parameters())
        others = [parameter for parameter in self._model.parameters() if parameter is not embedding[0]]
        rate = job.learning_rate
        self._optimizers: List[Any] = [torch.optim.Adam([*embedding, *others], rate)] if way == "fixed" else [
            torch.optim.SparseAdam(embedding, rate), torch.optim.Adam(others, rate)]
        self._loss = nn.CrossEntropyLoss(label_smoothing=job.label_smoothing)
        self._rng = np.random.RandomState(job.seed)

    def train(self) -> None:
        """Train for one epoch."""
        self._model.train()
        part, size = self._inputs.train, self._job.batch_size
        if self._way == "fixed":
            order = self._rng.permutation(len(part.lengths))
            chosen = [order[i:i + size] for i in range(0, len(order), size)]
        else:
            chosen = batches.epoch(part.lengths, size, self._rng)
        for rows in chosen:
            for optimizer in self._optimizers:
                optimizer.zero_grad()
            loss = self._loss(self._logits(part, rows), torch.from_numpy(part.labels[rows]).long())
            loss.backward()
            for optimizer in self._optimizers:
                optimizer.step()
            loss.item()

    def dev(self) -> float:
        """Evaluate on dev; returns the accuracy."""
        self._model.eval()
        part, right = self._inputs.dev, 0
        with torch.no_grad():
            for rows in batches.by_length(part.lengths):
                right += int((self._logits(part, rows).argmax(1).numpy() == part.labels[rows]).sum())
        return right / len(part.lengths)

    def _logits(self, part: Encoded, rows: np.ndarray) -> Any:
        ids = part.padded(rows)
        columns = self._longest if self._way == "fixed" else max(5, ids.shape[1])  # 5: the widest filter
        ids = np.pad(ids, [[0, 0], [0, max(0, columns - ids.shape[1])]])
        return self._model(torch.from_numpy(ids).long(), torch.from_numpy(part.lengths[rows]))


class _Network(nn.Module):
    def __init__(self, name: str, vocabulary: int, classes: int, sizes: Mapping[str, Any], keep: float, way: str
                 ) -> None:
        super().__init__()
        self._name, self._way = name, way
        size = sizes["embedding"]
        self.embedding = nn.Embedding(vocabulary, size, sparse=way != "fixed")
        if name == "cnn":
            self.filters = nn.ModuleList(nn.Conv1d(size, sizes["filters"], width) for width in sizes["widths"])
            pooled = sizes["filters"] * len(sizes["widths"])
        else:
            units = pooled = sizes["units"]
            self.lstm = nn.LSTM(size, units, batch_first=True, bidirectional=True)
            pooled = 2 * units
            if name == "rcnn":
                self.hidden = nn.Linear(2 * units + size, sizes["hidden"])
                pooled = sizes["hidden"]
        self.dropout, self.output = nn.Dropout(1 - keep), nn.Linear(pooled, classes)

    def forward(self, ids: Any, lengths: Any) -> Any:
        x = self.embedding(ids)
        if self._name == "cnn":
            windows = [torch.relu(each(x.transpose(1, 2))).amax(2) for each in self.filters]
            return self.output(self.dropout(torch.cat(windows, 1)))
        outputs = self._read(x, lengths)
        if self._name == "rcnn":
            units = outputs.shape[2] // 2
            left = nn.functional.pad(outputs[:, :-1, :units], (0, 0, 1, 0))
            right = nn.functional.pad(outputs[:, 1:, units:], (0, 0, 0, 1))
            outputs = torch.tanh(self.hidden(torch.cat([left, x, right], 2)))
        if self._way != "fixed":
            inside = torch.arange(ids.shape[1])[None, :] < lengths[:, None]
            outputs = outputs.masked_fill(~inside[:, :, None], -1.0)
        return self.output(self.dropout(outputs.amax(1)))

    def _read(self, x: Any, lengths: Any) -> Any:
        if self._way != "packed":
            return self.lstm(x)[0]
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=x.shape[1])[0]
