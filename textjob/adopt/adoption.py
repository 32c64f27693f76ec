"""Runs the steps of an adoption: a foreign model becomes a package whose predictions equal those of its source."""
import hashlib
import json
import platform
import shutil
import tempfile
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Tuple, Union

import numpy as np
import tensorflow as tf

import customize_service as service
from textjob.adopt import rewrite, unsupported_inputs, verification
from textjob.adopt.options import TOKENIZERS, AdoptOptions
from textjob.adopt.preprocessing import Preprocessing, preprocessing_of
from textjob.adopt.roles import IDS
from textjob.adopt.source_model import Item, SourceModel
from textjob.adopt.sources import Source, locate, refuse
from textjob.adopt.token_inputs import with_token_inputs
from textjob.adopt.words import Splitting, known_texts
from textjob.check import files, graph
from textjob.errors import PackageError, RefusedError, UsageError
from textjob.packaging import config_json, export, golden, model_card, package
from textjob.results import as_json

MAX_LEAST_LENGTH = 64  # the largest minimum length that is tried: more than the width of any usual filter

_FLAGS = ("On the command line the keys of service.json are --tags, --signature, --input_tensor, --output_tensor, "
          "--feed NAME=VALUE and --scores")


class Adoption(NamedTuple):
    """The state that the steps share."""

    options: AdoptOptions
    source: Source
    model: SourceModel
    target: Path   # of the package, until its service has been started
    scratch: Path


def adopt(options: AdoptOptions) -> Tuple[Path, List[str]]:
    """See :func:`textjob.adopt.adopt`."""
    target = _target(options)
    if Path(options.source).name in (package.MODEL, package.MODEL + "txt"):
        options = options._replace(source=str(Path(options.source).parent))
    if Path(options.source).is_dir():
        refuse(files.unsafe_files(Path(options.source))[0])
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        try:
            source = locate(options, scratch)
            refuse(graph.unsafe_contents(source.folder, options.allowed))
            source = with_token_inputs(source, options, scratch)
            unsupported_inputs.refuse(source)
            model = SourceModel(source, options)
        except service.LoadError as error:
            raise PackageError(f"{error}. {_FLAGS}")
        adoption = Adoption(options, source, model, scratch / "package" / "model", scratch)
        notes = _package_unchanged(adoption) if options.as_it_is else _package_rewritten(adoption)
        verification.verify(adoption.target)
        package.copy(adoption.target, target)
    inputs = "ids" if model.takes_ids else "words" if model.takes_words else "texts"
    classes = f"{len(model.names) or model.plan.columns} classes; scores: {model.plan.rule}"
    if not model.plan.scores or model.plan.rule == "confidence":
        classes = f"labels {'with their confidence' if model.plan.scores else 'without scores'}"
    return target, [f"source: {source.kind}; input: {inputs}; {classes}", *source.notes, *notes,
                    "the service of the package starts and answers as the source"]


def _target(options: AdoptOptions) -> Path:
    """The folder of the package, which is called ``model`` because the platform's import requires that name."""
    output = Path(options.output)
    target = output if output.name == "model" else output / "model"
    if target.exists() and not options.overwrite:
        raise RefusedError(f"{target} exists already: choose another --output, or give --overwrite to replace it")
    if target.exists() and not (target / package.MODEL).exists():
        raise RefusedError(f"{target} is not a package, because it contains no {package.MODEL}; --overwrite replaces "
                           "only packages. Choose another --output")
    return target


def _package_rewritten(adoption: Adoption) -> List[str]:
    options, model, scratch = adoption.options, adoption.model, adoption.scratch
    preprocessing = _preprocessing(options, model)
    labels = sorted(model.labels)
    vocabulary_file, labels_file = scratch / "vocabulary.txt", scratch / "labels.txt"
    labels_file.write_bytes("".join(label + "\n" for label in labels).encode("utf-8"))
    if isinstance(preprocessing, Preprocessing):
        preprocessing.write(vocabulary_file)
    saved_model = scratch / "adopted"
    rewrite.write(saved_model, model, preprocessing, labels, vocabulary_file, labels_file)

    texts = golden.TEXTS + (preprocessing.known() if isinstance(preprocessing, Preprocessing) else
                            known_texts(model.meta, model.folder))
    probabilities = model.probabilities(_items(texts, model, preprocessing, vocabulary_file))
    probabilities = probabilities[:, [model.labels.index(label) for label in labels]]
    finite = np.isfinite(probabilities).all(axis=1)
    notes = [f"the source has no finite prediction for {text[:30]!r}, so it is not a golden text"
             for text, is_finite in zip(texts, finite) if not is_finite]
    texts, probabilities = [text for text, is_finite in zip(texts, finite) if is_finite], probabilities[finite]
    if not texts:
        raise PackageError("the source has no finite prediction for any golden text; check --input_tensor, "
                           "--output_tensor, --feed and --vocabulary")
    export.verify(saved_model, texts, probabilities, labels)
    card = _card(adoption, labels, [as_json(each) for each in golden.answers(texts, probabilities, labels)])
    # The service cannot recognise independent probabilities, whose sum is not 1, unless service.json declares them.
    independent = np.abs(probabilities.sum(axis=1) - 1).max() > 1e-3
    more_files = [("service.json", json.dumps({"scores": "probabilities"}) + "\n")] if independent else []
    package.write(adoption.target, saved_model, card, config_json.config(card, options.runtime), more_files)
    if isinstance(preprocessing, Preprocessing) and preprocessing.never_empty:
        notes.append("the source has no finite prediction for padding alone, so an empty text becomes an unknown token")
    return [*notes, f"the predictions for {len(texts)} golden texts equal those of the source"]


def _preprocessing(options: AdoptOptions, model: SourceModel) -> Union[Preprocessing, Splitting, None]:
    if model.feature and model.takes_words:
        return Splitting(options, model.feature.name)
    if not model.takes_ids:
        if options.vocabulary or options.tokenizer:
            raise UsageError("the source takes texts, so --vocabulary and --tokenizer have no effect; leave them out")
        return None
    if not options.vocabulary or not options.tokenizer:
        raise UsageError("the source takes ids: give --vocabulary FILE (one token per line; the line number, counted "
                         f"from 0, is the id) and --tokenizer KIND ({', '.join(TOKENIZERS)})")
    preprocessing = preprocessing_of(options, model.length)
    if not preprocessing.length:
        _settle_length(options, model, preprocessing)
    if not preprocessing.framed:
        padding = preprocessing.row(0, preprocessing.length or preprocessing.least)
        preprocessing.never_empty = not np.isfinite(model.probabilities([padding])).all()
    return preprocessing


def _settle_length(options: AdoptOptions, model: SourceModel, preprocessing: Preprocessing) -> None:
    """For a source that takes any number of ids: find its minimum, and check that padding changes no prediction.

    Raises:
        UsageError: it does, so that the prediction for a text would depend on the other texts in the batch.
    """
    tokens = preprocessing.framed or 1

    def predict(columns: int) -> Any:
        return model.probabilities([preprocessing.row(tokens, columns)])[0]

    for least in range(max(tokens, preprocessing.least), MAX_LEAST_LENGTH + 1):
        if np.isfinite(predict(least)).all():
            break
    else:
        raise PackageError("the source has no finite prediction for a text of one unknown token, padded to 1 to "
                           f"{MAX_LEAST_LENGTH} ids; check that --vocabulary is the file of its training, and give "
                           "--length if the source needs more ids")
    preprocessing.least = least
    if not np.isfinite(predict(options.max_length)).all():
        raise UsageError(f"the source has no finite prediction for {options.max_length} ids per text; give the largest "
                         "number of ids that it takes (of a BERT: max_position_embeddings) as --max_length")
    difference = np.abs(predict(least) - predict(least + 7)).max()
    if not difference < export.MAX_DIFFERENCE:
        raise UsageError(f"the prediction of the source for a text changes by up to {difference:.2g} when more padding "
                         "is appended, so it would depend on the other texts in the batch; give the number of ids per "
                         "text of its training as --length")


def _items(texts: List[str], model: SourceModel, preprocessing: Union[Preprocessing, Splitting, None],
           vocabulary_file: Path) -> List[Item]:
    """The texts as inputs of the source."""
    encoded = [text.encode("utf-8", "replace") for text in texts]
    if isinstance(preprocessing, Splitting):
        return list(preprocessing.words(encoded))
    if preprocessing is None:
        return [text.replace(b"\0", b" ") for text in encoded]
    v1 = tf.compat.v1
    ids_graph = tf.Graph()
    with ids_graph.as_default(), v1.Session(graph=ids_graph) as session:
        text = v1.placeholder(tf.string, [None])
        inputs = preprocessing.inputs(text, vocabulary_file)
        session.run(v1.tables_initializer())
        rows = [{role: values[0].tolist() for role, values in session.run(inputs, {text: [each]}).items()}
                for each in encoded]
    if model.feature and len(model.feature.outputs) > 1:  # a sparse feature does not hold padding
        rows = [{IDS: [i for i in row[IDS] if i != preprocessing.vocabulary.padding_id]} for row in rows]
    return list(rows)


def _card(adoption: Adoption, labels: List[str], answers: List[Dict[str, Any]]) -> Dict[str, Any]:
    options, meta = adoption.options, adoption.model.meta
    return {
        "format": model_card.FORMAT, "model": "adopted", "labels": labels,
        "source": {"kind": adoption.source.kind, "path": options.source,
                   "meta_graph_sha256": hashlib.sha256(meta.SerializeToString()).hexdigest(),
                   "written_by": meta.meta_info_def.tensorflow_version},
        "settings": dict(options._asdict(), feeds=dict(options.feeds)),
        "versions": {"python": platform.python_version(), "tensorflow": tf.__version__, "numpy": np.__version__},
        "dev": {}, "test": {}, "golden": answers,
    }


def _package_unchanged(adoption: Adoption) -> List[str]:
    """Write a package with the SavedModel as it is, and a ``service.json`` with the choices that were made."""
    options, model = adoption.options, adoption.model
    if model.feature:
        raise PackageError("the source reads tf.Example, which the service cannot send; adopt it without --as_it_is")
    if options.labels and (model.folder / "assets" / "labels.txt").exists():
        raise UsageError("the source has its own assets/labels.txt, which --as_it_is keeps; leave --labels out")
    if len(model.roles) > 1:
        raise PackageError(f"the source has the inputs {', '.join(sorted(model.roles.values()))}; adopt it without "
                           "--as_it_is, with --vocabulary FILE and --tokenizer wordpiece")
    texts = golden.TEXTS + known_texts(model.meta, model.folder)
    sent: List[Dict[str, Any]] = [{"text": text} for text in texts]
    items: List[Item] = [text.encode("utf-8", "replace") for text in texts]
    if model.takes_ids:
        items = model.probe_ids()
        sent = [{"input_x": item[IDS]} for item in items if isinstance(item, dict)]
    answers = []
    for request, row in zip(sent, model.rows(items)):
        if not isinstance(row, service.RequestError):
            answers.append(dict(request, label=service.answer(row)["predicted_label"],
                                **({} if row.scores is None else {"probabilities": [float(p) for p in row.scores]})))
    card = _card(adoption, model.names, answers)
    plan = model.plan
    service_options = dict(adoption.source.options, tags=list(plan.tags), signature=plan.signature, input=plan.input,
                           feeds={alias: value.tolist() for alias, value in plan.feeds.items()})
    copied = adoption.scratch / "unchanged"
    copied.mkdir()
    for name in (package.MODEL, "variables", "assets"):
        if (model.folder / name).is_dir():
            shutil.copytree(str(model.folder / name), str(copied / name))
        elif (model.folder / name).exists():
            shutil.copyfile(str(model.folder / name), str(copied / name))
    package.write(adoption.target, copied, card, config_json.config(card, options.runtime, model.takes_ids), [
        ("service.json", json.dumps(service_options, ensure_ascii=False, indent=1) + "\n"),
        *([("labels.txt", "".join(label + "\n" for label in model.listed))] if model.listed else [])])
    return [f"the SavedModel is unchanged; service.json holds its signature and tensors; {len(answers)} golden answers"]
