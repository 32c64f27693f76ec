"""``infer.py compare``: what the metrics of a server say about its versions, for a person."""
import urllib.error
import urllib.request
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from textjob.errors import UsageError
from textjob.tables import markdown_table

SECONDS = 20  # time limit of the request
SHOWN = 20  # labels in the table
EXPECTED = 5  # least expected count per cell of a chi-square test (Cochran 1954)
SIGNIFICANT = 0.05

Counts = Dict[str, Dict[str, float]]
"""Version to label to number of predictions."""


class Sample(NamedTuple):
    """A line of the text format."""

    name: str
    labels: Dict[str, str]
    value: float


def read(url: str, token: str = "") -> List[Sample]:
    """The metrics at the address of a server."""
    address = url if "://" in url else f"http://{url}"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        if urlsplit(address).path in ("", "/"):
            address = address.rstrip("/") + "/metrics"
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=SECONDS) as response:
            text = response.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        remedy = "give the server's token with --token_file" if error.code == 401 else (
            "expected the address of infer.py serve, started without --strict")
        raise UsageError(f"--metrics {url}: {address} answers with status {error.code}; {remedy}")
    except (OSError, ValueError) as error:
        raise UsageError(f"--metrics {url}: {address} cannot be read: {getattr(error, 'reason', error)}; expected the "
                         "address of a running server, such as http://127.0.0.1:8080")
    samples = parsed(text)
    if not any(sample.name == "textjob_model_loaded" for sample in samples):
        raise UsageError(f"--metrics {url}: {address} has no metrics of a loaded model of infer.py serve; expected the "
                         "address of such a server, such as http://127.0.0.1:8080, and a model that is loaded")
    return samples


def parsed(text: str) -> List[Sample]:
    """The lines of the text format; empty if the text has another format."""
    try:
        return [Sample(sample.name, dict(sample.labels), sample.value)
                for family in text_string_to_metric_families(text) for sample in family.samples]
    except ValueError:
        return []


def report(samples: List[Sample]) -> str:
    """Tables of the versions and of their labels, and a sentence per version about its shift."""
    served = next(sample.labels["version"] for sample in samples if sample.name == "textjob_model_loaded")
    roles = {sample.labels["version"]: sample.labels["role"] for sample in samples
             if sample.name == "textjob_experiment_labels_total"}
    counts = _counts(samples, "textjob_experiment_labels_total" if roles else "textjob_labels_total")
    seconds, requests = (_by_version(samples, f"textjob_request_seconds_{part}") for part in ("sum", "count"))
    shadow_seconds, shadow_timed = (_by_version(samples, f"textjob_shadow_seconds_{part}") for part in ("sum", "count"))
    versions = sorted(set(requests) | set(counts) | {served}, key=lambda version: (len(version), version))
    rows = []
    for version in versions:
        time, number = ((shadow_seconds, shadow_timed) if roles.get(version) == "shadow" else (seconds, requests))
        mean = f"{time[version] / number[version] * 1000:.1f}" if number.get(version) else "-"
        rows.append([version, "served" if version == served else roles.get(version, "-"),
                     f"{requests.get(version, 0):,.0f}", mean, f"{sum(counts.get(version, {}).values()):,.0f}"])
    since = "since the experiment was changed" if roles else "since the server was started (no experiment is running)"
    parts = [markdown_table(["version", "role", "requests", "mean ms", "predictions"], rows),
             f"requests and times: of every API, since the server was started; predictions and labels: of POST /, "
             f"{since}"]
    if any(counts.values()):
        parts.append(_label_table([version for version in versions if counts.get(version)], counts))
    sentences = [*_disagreements(samples),
                 *(_shift(served, version, counts) for version in versions if version != served and version in counts)]
    return "\n\n".join([*parts, "\n".join(sentences)] if sentences else parts)


def chi_square(one: Dict[str, float], other: Dict[str, float]) -> Optional[Tuple[float, int, float]]:
    """Pearson's test (1900) that two versions give each label equally often: the statistic, degrees of freedom, p.

    Rare labels are counted together, so that each expected count is at least 5; None if fewer than two columns remain.
    """
    from scipy.stats import chi2_contingency  # the import takes a second

    totals = sum(one.values()), sum(other.values())
    share = min(totals) / sum(totals) if min(totals) else 0.0
    frequent, rare = [], [0.0, 0.0]
    for label in sorted(set(one) | set(other)):
        pair = [one.get(label, 0.0), other.get(label, 0.0)]
        if sum(pair) * share >= EXPECTED:
            frequent.append(pair)
        else:
            rare = [rare[0] + pair[0], rare[1] + pair[1]]
    if sum(rare) * share >= EXPECTED:
        frequent.append(rare)
    if len(frequent) < 2:
        return None
    result = chi2_contingency([list(column) for column in zip(*frequent)], correction=False)
    return float(result[0]), int(result[2]), float(result[1])


def _shift(served: str, version: str, counts: Counts) -> str:
    one, other = counts.get(served, {}), counts[version]
    test = chi_square(one, other)
    if test is None:
        return (f"version {version}: too few predictions to compare its labels with those of version {served} (a "
                f"chi-square test needs an expected count of {EXPECTED} for at least two labels)")
    label = max(sorted(set(one) | set(other)), key=lambda name: abs(_share(other, name) - _share(one, name)))
    largest = f"the largest shift is that of {label!r}, from {_share(one, label):.1%} to {_share(other, label):.1%}"
    statistic, freedom, p = test
    shown = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    figures = f"chi-square = {statistic:.1f}, {freedom} degrees of freedom, {shown}"
    if p < SIGNIFICANT:
        return (f"version {version} gives the labels in other shares than version {served} ({figures}: significant at "
                f"5 %); {largest}")
    return (f"version {version} gives the labels in the same shares as version {served}, as far as this number of "
            f"predictions shows ({figures}: not significant at 5 %); {largest}")


def _disagreements(samples: List[Sample]) -> Iterator[str]:
    items = {(sample.labels["version"], sample.labels["served"]): sample.value for sample in samples
             if sample.name == "textjob_shadow_items_total"}
    dropped = _by_version(samples, "textjob_shadow_dropped_total")
    for sample in samples:
        if sample.name == "textjob_shadow_disagreements_total":
            version, served = sample.labels["version"], sample.labels["served"]
            count = items[version, served]
            if count:
                yield (f"version {version}, in the shadow of version {served}, gives another label for "
                       f"{sample.value:,.0f} of {count:,.0f} items ({sample.value / count:.1%}, "
                       f"{_interval(int(sample.value), int(count))})")
    for version, number in sorted(dropped.items()):
        yield f"version {version} did not get {number:,.0f} requests in the shadow, because of the load or their size"


def _interval(count: int, items: int) -> str:
    from textjob.metrics import wilson_interval  # the import takes a second

    low, high = wilson_interval(count, items)
    return f"95 % confidence interval {low:.1%} to {high:.1%}"


def _label_table(versions: List[str], counts: Counts) -> str:
    labels = sorted({label for version in versions for label in counts[version]},
                    key=lambda label: (-sum(_share(counts[version], label) for version in versions), label))
    rows = [[label, *(f"{_share(counts[version], label):.1%}" for version in versions)] for label in labels[:SHOWN]]
    if len(labels) > SHOWN:
        rows.append([f"{len(labels) - SHOWN} further labels", *(
            f"{sum(_share(counts[version], label) for label in labels[SHOWN:]):.1%}" for version in versions)])
    return markdown_table(["label", *(f"version {version}" for version in versions)], rows)


def _share(counts: Dict[str, float], label: str) -> float:
    return counts.get(label, 0.0) / (sum(counts.values()) or 1.0)


def _counts(samples: List[Sample], name: str) -> Counts:
    counts: Counts = {}
    for sample in samples:
        if sample.name == name:
            counts.setdefault(sample.labels["version"], {})[sample.labels["label"]] = sample.value
    return counts


def _by_version(samples: List[Sample], name: str) -> Dict[str, float]:
    sums: Dict[str, float] = {}
    for sample in samples:
        if sample.name == name and sample.labels["version"]:
            sums[sample.labels["version"]] = sums.get(sample.labels["version"], 0.0) + sample.value
    return sums
