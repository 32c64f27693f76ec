"""Give a foreign model the contract, once, so that inference never needs names again.

The way: any source → a SavedModel with a signature (:mod:`sources`) → loaded, and understood as the service does it
(:mod:`asked`) → one graph with constants for its state (:mod:`frozen`) → the contract around it, with the source's
preprocessing in front where it takes ids (:mod:`rewrite`) → held against the source's own answers → a package.
"""
import hashlib
import json
import platform
import shutil
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
import tensorflow as tf

from textjob.adopt import frozen, rewrite
from textjob.adopt.asked import Asked, Item
from textjob.adopt.preprocessing import TOKENIZERS, Preprocessing
from textjob.adopt.sources import Located, locate, refuse
from textjob.adopt.wanted import Wanted
from textjob.check import files, graph
from textjob.errors import PackageError, RefusedError, UsageError
from textjob.packaging import export, golden, model_card, package

__all__ = ["TOKENIZERS", "Wanted", "adopt"]


def adopt(wanted: Wanted) -> Tuple[Path, List[str]]:
    """Make a package of a foreign model; returns where it is, and what there is to say about it.

    Raises:
        JobError: a sentence that says why it cannot be done, and what to do.
    """
    import customize_service as service

    target = _target(wanted)
    if Path(wanted.source).name == "saved_model.pb":
        wanted = wanted._replace(source=str(Path(wanted.source).parent))
    if Path(wanted.source).is_dir():
        refuse(files.traps(Path(wanted.source))[0])
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        try:
            located = locate(wanted, scratch)
            refuse(graph.dangers(located.folder, wanted.allowed))
            asked = Asked(located, wanted)
        except service.LoadError as error:
            raise PackageError(f"{error}. {_FLAGS}")
        if wanted.as_it_is:
            notes = _as_it_is(wanted, asked, located, target)
        else:
            notes = _rewritten(wanted, asked, located, target, scratch)
    return target, ["{}: {}, {} classes, scores taken as {}".format(
        located.kind, "ids" if asked.takes_ids else "texts", len(asked.labels), asked.plan.rule), *notes]


MOST_LEAST = 64  # ids that a text may need at least: more than the widest of filters

_FLAGS = ("On the command line that is --tags, --signature, --input_tensor, --output_tensor, --feed NAME=VALUE or "
          "--scores")


def _target(wanted: Wanted) -> Path:
    """Where the package goes: a folder called ``model``, as the platform wants it."""
    output = Path(wanted.output)
    target = output if output.name == "model" else output / "model"
    if target.exists() and not wanted.overwrite:
        raise RefusedError(f"{target} is there already: give another --output, or --overwrite to replace it")
    if target.exists() and not (target / "saved_model.pb").exists():
        raise RefusedError(f"{target} is no package; it is not replaced")
    return target


def _rewritten(wanted: Wanted, asked: Asked, located: Located, target: Path, scratch: Path) -> List[str]:
    preprocessing = _preprocessing(wanted, asked)
    labels = sorted(asked.labels)
    vocabulary_file, labels_file = scratch / "vocabulary.txt", scratch / "labels.txt"
    labels_file.write_bytes("".join(label + "\n" for label in labels).encode("utf-8"))
    if preprocessing:
        preprocessing.write(vocabulary_file)
    saved_model = scratch / "adopted"
    rewrite.write(saved_model, asked, frozen.freeze(asked), preprocessing, labels, vocabulary_file, labels_file)

    texts = golden.TEXTS + (preprocessing.known() if preprocessing else [])
    probabilities = asked.probabilities(_items(texts, asked, preprocessing, vocabulary_file))
    probabilities = probabilities[:, [asked.labels.index(label) for label in labels]]
    answered = np.isfinite(probabilities).all(axis=1)
    notes = [f"the source gives no answer to {text[:30]!r}: it is no golden text"
             for text, good in zip(texts, answered) if not good]
    texts = [text for text, good in zip(texts, answered) if good]
    if not texts:
        raise PackageError("the source answers none of the golden texts: is it asked as it should be?")
    export.verify(saved_model, texts, probabilities[answered], labels)
    answers = model_card.golden_answers(texts, probabilities[answered], labels)
    made = _card(wanted, asked, located, labels, answers)
    # Columns that are probabilities each for itself: nothing but this file tells the service so.
    odd = np.abs(probabilities[answered].sum(axis=1) - 1).max() > 1e-3
    package.write(target, saved_model, made, model_card.config(made, wanted.runtime), [
        ("service.json", json.dumps({"scores": "probabilities"}) + "\n")] if odd else [])
    if preprocessing and preprocessing.never_empty:
        notes.append("the source has no answer to padding alone: an empty text counts as one unknown word")
    return [*notes, f"{len(texts)} golden texts get the source's own answers"]


def _preprocessing(wanted: Wanted, asked: Asked) -> Optional[Preprocessing]:
    if not asked.takes_ids:
        if wanted.vocabulary or wanted.tokenizer:
            raise UsageError("the source takes texts: it needs no --vocabulary and no --tokenizer")
        return None
    if not wanted.vocabulary or not wanted.tokenizer:
        raise UsageError("the source takes ids: say with --vocabulary FILE which tokens they stand for (a token a "
                         "line, its number the id) and with --tokenizer how texts become tokens ({})".format(
                             ", ".join(TOKENIZERS)))
    preprocessing = Preprocessing(wanted, asked.length)
    if not preprocessing.length:
        _settle_length(asked, preprocessing)
    nothing = [preprocessing.vocabulary.padding_id] * (preprocessing.length or preprocessing.least)
    preprocessing.never_empty = not np.isfinite(asked.probabilities([nothing])).all()
    return preprocessing


def _settle_length(asked: Asked, preprocessing: Preprocessing) -> None:
    """Where the number of ids is free: how many a text needs at least, and that more padding changes nothing.

    Raises:
        UsageError: it does change the answer, so that a text would be answered otherwise in other company.
    """
    def answer(words: int, columns: int) -> Any:
        row, padding = [preprocessing.vocabulary.unknown_id] * words, [preprocessing.vocabulary.padding_id]
        return asked.probabilities([padding * (columns - words) + row if preprocessing.left else
                                    row + padding * (columns - words)])[0]

    for least in range(1, MOST_LEAST + 1):
        if np.isfinite(answer(1, least)).all():
            break
    else:
        raise PackageError(f"the source answers no text of one word, padded to 1 to {MOST_LEAST} ids; are the vocabulary and its "
                           "--padding its own?")
    preprocessing.least = least
    off = np.abs(answer(1, least) - answer(1, least + 7)).max()
    if not off < export.AGREEMENT:
        raise UsageError(f"the source answers otherwise when a text is padded further (by up to {off:.2g}): say with "
                         "--length how many ids its texts had in training")


def _items(texts: List[str], asked: Asked, preprocessing: Optional[Preprocessing], vocabulary_file: Path) -> List[Item]:
    """The texts as the source takes them."""
    encoded = [text.encode("utf-8", "replace").replace(b"\0", b" ") for text in texts]
    if preprocessing is None:
        return list(encoded)
    v1 = tf.compat.v1
    graph = tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as session:
        one = v1.placeholder(tf.string, [None])
        ids = preprocessing.ids(one, vocabulary_file)
        session.run(v1.tables_initializer())
        rows = [session.run(ids, {one: [text]})[0].tolist() for text in encoded]
    if asked.feature and len(asked.feature.outputs) > 1:  # a sparse feature holds no padding
        rows = [[i for i in row if i != preprocessing.vocabulary.padding_id] for row in rows]
    return rows


def _card(wanted: Wanted, asked: Asked, located: Located, labels: List[str], answers: List[Dict[str, Any]]
          ) -> Dict[str, Any]:
    digest = hashlib.sha256(asked.meta.SerializeToString()).hexdigest()
    return {
        "format": model_card.FORMAT, "model": "adopted", "labels": labels,
        "source": {"kind": located.kind, "path": wanted.source, "meta_graph_sha256": digest,
                   "written_by": asked.meta.meta_info_def.tensorflow_version},
        "settings": dict(wanted._asdict(), feeds=dict(wanted.feeds)),
        "versions": {"python": platform.python_version(), "tensorflow": tf.__version__, "numpy": np.__version__},
        "dev": {}, "test": {}, "golden": answers,
    }


def _as_it_is(wanted: Wanted, asked: Asked, located: Located, target: Path) -> List[str]:
    """A package around an unchanged SavedModel; what was chosen goes into its ``service.json``."""
    if asked.feature:
        raise PackageError("a model of tf.Example cannot be asked as it is; adopt it without --as_it_is")
    if wanted.labels and (asked.folder / "assets" / "labels.txt").exists():
        raise UsageError("the source brings its own assets/labels.txt, which is kept as it is: leave --labels out")
    items: List[Item] = [[i] * (asked.length or 12) for i in (0, 1)] if asked.takes_ids else [
        text.encode("utf-8", "replace") for text in golden.TEXTS]
    probabilities = asked.probabilities(items)
    answers = [dict({"input_x": item} if isinstance(item, list) else {"text": item.decode("utf-8")},
                    label=asked.labels[int(row.argmax())], probabilities=[float(p) for p in row])
               for item, row in zip(items, probabilities) if np.isfinite(row).all()]
    made = _card(wanted, asked, located, asked.labels, answers)
    plan = asked.plan
    options = {"tags": list(plan.tags), "signature": plan.signature, "input": plan.input, "output": plan.output,
               "scores": plan.rule, "feeds": {alias: value.tolist() for alias, value in plan.feeds.items()}}
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "model"
        copy.mkdir()
        for name in ("saved_model.pb", "variables", "assets"):
            if (asked.folder / name).is_dir():
                shutil.copytree(str(asked.folder / name), str(copy / name))
            elif (asked.folder / name).exists():
                shutil.copyfile(str(asked.folder / name), str(copy / name))
        package.write(target, copy, made, model_card.config(made, wanted.runtime, asked.takes_ids), [
            ("service.json", json.dumps(options, ensure_ascii=False, indent=1) + "\n"),
            ("labels.txt", "".join(label + "\n" for label in asked.labels))])
    return [f"packaged as it is, asked by its service.json; {len(answers)} golden answers"]
