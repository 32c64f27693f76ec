"""Runs inside an engine of the platform: loads packages with each of its loaders and prints their predictions as JSON.

    drive.py answers REQUEST.json PACKAGE ...   by the package's service, by a Session, by tf.saved_model.load
    drive.py served REQUEST.json SERVICE.py     models without a service file, by the service file SERVICE.py
    drive.py forms REQUEST.json SERVICE.py      the same, but the answers as the service gives them
    drive.py sweep SAVED_MODEL                  hashes of the tokens of all code points, one per block
"""
import hashlib
import importlib.util
import json
import os
import random
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
BLOCK = 4096


def module_of(file):
    spec = importlib.util.spec_from_file_location("customize_service", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def by_service(package, texts):
    service = module_of(os.path.join(package, "customize_service.py")).TextClassifierService("serve", package)
    reply = service.inference({"data": {"req_data": [{"text": text} for text in texts]}, "top_k": 1000})
    answers = reply["data"]["resp_data"]
    return [answer["predicted_label"] for answer in answers], [
        [score for _, score in sorted(answer["scores"])] for answer in answers]


def by_session(package, texts):
    graph = tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as session:
        signature = v1.saved_model.loader.load(session, ["serve"], package).signature_def["predict_text"]
        names = {alias: info.name for alias, info in signature.outputs.items()}
        out = session.run(names, {signature.inputs["input_x"].name: np.array(texts, object)})
        empty = session.run(names["output"], {signature.inputs["input_x"].name: np.array([], object)})
    assert empty.shape == (0, out["output"].shape[1]), empty.shape
    return [label.decode("utf-8") for label in out["label"]], out["output"].tolist()


def by_function(package, texts):
    model = tf.saved_model.load(package)
    out = model.signatures["serving_default"](input_x=tf.constant(texts), keep_prob=tf.constant(1.0))
    return [label.decode("utf-8") for label in out["label"].numpy()], out["output"].numpy().tolist()


def answers(request, packages):
    """The request is a list of texts, or an object with one list per package."""
    with open(request, encoding="utf-8") as file:
        texts = json.load(file)
    texts_of = texts if isinstance(texts, dict) else dict.fromkeys(packages, texts)
    ways = {"service": by_service, "session": by_session}
    if not tf.__version__.startswith("1."):
        ways["function"] = by_function
    return {package: {way: attempt(load, package, texts_of[package]) for way, load in ways.items()}
            for package in packages}


def attempt(load, package, texts):
    try:
        return load(package, texts)
    except Exception as error:  # an error of one package must not end the process, which loads the others too
        return {"error": "{}: {}".format(type(error).__name__, " ".join(str(error).split())[:600])}


def each_folder(answer, request, service_file):
    """The request maps folders to items; ``answer`` makes the result of one folder."""
    with open(request, encoding="utf-8") as file:
        items_of = json.load(file)
    module = module_of(service_file)
    return {folder: answer(module, folder, items) for folder, items in items_of.items()}


def served(request, service_file):
    """The predictions for each folder; the result of a folder that fails to load is its error."""
    return each_folder(one_served, request, service_file)


def one_served(module, folder, items):
    try:
        service = module.TextClassifierService("serve", folder)
    except Exception as error:  # LoadError is the service's own; for others the result contains the class
        return {"error": str(error) if isinstance(error, module.LoadError) else repr(error)}
    rows = service.inference({"req_data": items, "top_k": 1000})["resp_data"]
    return {"labels": [answer.get("predicted_label", str(answer)) for answer in rows],
            "probabilities": [[dict(answer.get("scores", [])).get(label, np.nan) for label in service.model.labels]
                              for answer in rows if service.model.plan.scores]}


def forms(request, service_file):
    """The answers for each folder, or the error of the load with its class."""
    return each_folder(answered, request, service_file)


def answered(module, folder, items):
    """All items in one request, and each in a request of its own."""
    try:
        service = module.TextClassifierService("serve", folder)
    except Exception as error:  # any other class than LoadError is a fault of the service
        return {"error": str(error), "class": type(error).__name__}
    try:
        return {"answers": [row for group in [items, *([item] for item in items)]
                            for row in service.inference({"req_data": group, "top_k": 1000})["resp_data"]]}
    except Exception as error:  # the test shows it beside the results of the other models
        return {"answers": [], "raised": repr(error)}


def awkward_texts():
    """Every code point between other characters, then random bytes that are not UTF-8."""
    for code in range(0x110000):
        char = chr(code).encode("utf-8", "surrogatepass")
        yield b"a" + char + b"b " + char + char + b" 1" + char + b"'" + char
    rng = random.Random(1)
    for _ in range(8 * BLOCK):
        length = rng.randrange(24)
        yield bytes(rng.choice([rng.randrange(256), rng.randrange(0x80, 0x100), 0x61]) for _ in range(length))


def sweep(saved_model):
    hashes, texts = [], list(awkward_texts())
    graph = tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as session:
        signature = v1.saved_model.loader.load(session, ["serve"], saved_model).signature_def["serving_default"]
        names = [signature.outputs[alias].name for alias in ("tokens", "splits")]
        for first in range(0, len(texts), BLOCK):
            feed = {signature.inputs["input_x"].name: np.array(texts[first:first + BLOCK], object)}
            tokens, splits = session.run(names, feed)
            hashes.append(hashlib.sha256(b"\0".join(tokens.tolist()) + splits.tobytes()).hexdigest()[:16])
    return hashes


if __name__ == "__main__":
    commands = {"answers": lambda: answers(sys.argv[2], sys.argv[3:]), "served": lambda: served(*sys.argv[2:]),
                "forms": lambda: forms(*sys.argv[2:]), "sweep": lambda: sweep(sys.argv[2])}
    result = commands[sys.argv[1]]()
    print(json.dumps({"tensorflow": tf.__version__, "result": result}))
