"""The networks and Adam in plain NumPy, float64, one text at a time: each line is an equation of the paper."""
from typing import Any, Callable, Dict, List, Mapping, Sequence

import numpy as np

Weights = Mapping[str, np.ndarray]


def cnn(w: Weights, ids: Sequence[int]) -> np.ndarray:
    """The pooled features of TextCNN (Kim 2014, equations 2 and 3; rectified linear units)."""
    widths = sorted(int(name[len("convolution"):-len("/kernel")]) for name in w if name.endswith("/kernel")
                    and name.startswith("convolution"))
    features = []
    for width in widths:
        kernel, bias = w[f"convolution{width}/kernel"], w[f"convolution{width}/bias"]
        # A text that is shorter than a filter is padded to one window.
        x = w["embedding"][list(ids) + [0] * (width - len(ids))]
        windows = [np.maximum(0, np.einsum("ij,ijk->k", x[i:i + width], kernel) + bias)
                   for i in range(len(x) - width + 1)]
        features.append(np.max(windows, 0))
    return np.concatenate(features)


def rnn(w: Weights, ids: Sequence[int]) -> np.ndarray:
    """The maximum over time of a bidirectional LSTM (Graves and Schmidhuber 2005)."""
    forward, backward = bidirectional(w, w["embedding"][list(ids)])
    return np.concatenate([forward.max(0), backward.max(0)])


def rcnn(w: Weights, ids: Sequence[int]) -> np.ndarray:
    """The maximum over time of RCNN's tanh layer (Lai et al. 2015, equations 3 to 5).

    The context of a word (equations 1 and 2) does not contain the word: left of the first and right of the last word it
    is zero.
    """
    x = w["embedding"][list(ids)]
    forward, backward = bidirectional(w, x)
    nothing = np.zeros((1, forward.shape[1]))
    left, right = np.concatenate([nothing, forward[:-1]]), np.concatenate([backward[1:], nothing])
    hidden = np.tanh(np.concatenate([left, x, right], 1) @ w["hidden/kernel"] + w["hidden/bias"])
    return np.asarray(hidden.max(0))


POOLED: Dict[str, Callable[[Weights, Sequence[int]], np.ndarray]] = {"cnn": cnn, "rnn": rnn, "rcnn": rcnn}


def logits(model: str, w: Weights, texts: Sequence[Sequence[int]], kept: Any = 1.0) -> np.ndarray:
    """The logits of texts without padding; ``kept`` multiplies the pooled features, as dropout does."""
    pooled = np.array([POOLED[model](w, ids) for ids in texts])
    return np.asarray(pooled * kept @ w["output/kernel"] + w["output/bias"])


def bidirectional(w: Weights, x: np.ndarray) -> List[np.ndarray]:
    """The outputs of both directions in reading order."""
    return [lstm(w, "forward", x), lstm(w, "backward", x[::-1])[::-1]]


def lstm(w: Weights, direction: str, x: np.ndarray) -> np.ndarray:
    """An LSTM (Hochreiter and Schmidhuber 1997) with a forget bias of 1; the gates are in the order i, c, f, o."""
    kernel, bias = w[f"lstm/{direction}/kernel"], w[f"lstm/{direction}/bias"]
    units = len(bias) // 4
    h, c, outputs = np.zeros(units), np.zeros(units), []
    for word in x:
        i, g, f, o = np.split(np.concatenate([word, h]) @ kernel + bias, 4)
        c = sigmoid(f + 1) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.array(outputs)


def sigmoid(x: Any) -> Any:
    """The logistic function."""
    return 1 / (1 + np.exp(-x))


def gradient(function: Callable[[Dict[str, np.ndarray]], float], w: Weights, name: str, step: float = 1e-6
             ) -> np.ndarray:
    """The gradient of a function by one of its weights, by central differences in float64."""
    moved = {key: np.array(value, np.float64) for key, value in w.items()}
    result = np.zeros_like(moved[name])
    for index in np.ndindex(*result.shape):
        value = moved[name][index]
        moved[name][index] = value + step
        above = function(moved)
        moved[name][index] = value - step
        result[index] = (above - function(moved)) / (2 * step)
        moved[name][index] = value
    return result


def cross_entropy(logits: np.ndarray, labels: Sequence[int], smoothing: float, class_weights: np.ndarray) -> float:
    """The mean over the texts of the weighted cross-entropy with label smoothing (Szegedy et al. 2016)."""
    classes = logits.shape[1]
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    targets = np.full(logits.shape, smoothing / classes)
    targets[np.arange(len(labels)), list(labels)] += 1 - smoothing
    return float(np.mean(-(targets * log_p).sum(1) * class_weights[list(labels)]))


class Adam:
    """Adam (Kingma and Ba 2015, algorithm 1 in the form of the end of section 2) with a linearly falling rate."""

    beta1, beta2, epsilon = 0.9, 0.999, 1e-7

    def __init__(self, value: np.ndarray, rate: float, steps: int) -> None:
        self.value, self.rate, self.steps = np.array(value, np.float64), rate, steps
        self.m, self.v = np.zeros_like(self.value), np.zeros_like(self.value)

    def apply(self, gradient: np.ndarray, step: int, rows: Any = slice(None)) -> None:
        """One step, counted from 0, on all rows or on some."""
        t = step + 1
        rate = self.rate * max(0.0, 1 - step / self.steps)
        rate *= np.sqrt(1 - self.beta2 ** t) / (1 - self.beta1 ** t)
        self.m[rows] = self.beta1 * self.m[rows] + (1 - self.beta1) * gradient[rows]
        self.v[rows] = self.beta2 * self.v[rows] + (1 - self.beta2) * gradient[rows] ** 2
        self.value[rows] -= rate * self.m[rows] / (np.sqrt(self.v[rows]) + self.epsilon)
