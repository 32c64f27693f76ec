"""What a graph says of itself without being run: how it is asked, what harm it could do, where it loads."""
import functools
import operator
import os
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Tuple

from textjob import manifest
from textjob.check.config_json import RUNTIMES
from textjob.check.finding import FAULT, NOTE, OK, Finding
from textjob.engines import LOAD, dangerous_ops, engine_fit
from textjob.engines.saved_graph import Message, assets, meta_graphs
from textjob.errors import PackageError
from textjob.packaging import package

MAX_TENSOR = 20 * 10 ** 9  # bytes of one constant or variable: more than the platform lets a whole model have
VARIABLES = ("Variable", "VariableV2", "VarHandleOp")
CONTRACT = {  # the aliases of the template's own models, as the service describes tensors
    "inputs": {"input_x": "string[-1]", "keep_prob": "float[]"},
    "outputs": {"output": "float[-1, -1]", "label": "string[-1]"},
}


def unreadable(folder: Path) -> List[Finding]:
    """A fault where ``saved_model.pb`` is none."""
    try:
        meta_graphs(str(folder))
    except PackageError as error:
        return [Finding(FAULT, "files", str(error))]
    return []


def chosen(folder: Path, options: Dict[str, Any]) -> Tuple[Any, Message]:
    """The tag set and the MetaGraph that the service takes, by ``service.json``'s options; its LoadError else."""
    import customize_service as service
    graphs = {tuple(sorted(meta.meta_info_def.tags)): meta for meta in meta_graphs(str(folder))}
    tags = service.choose("tags", "a tag set", options, ("serve",), sorted(graphs), graphs)
    return tags, graphs[tags]


def signature(folder: Path) -> Tuple[List[Finding], Any]:
    """How the service will ask the model, by its own decision table; and that plan, None where it finds none."""
    import customize_service as service
    try:
        options = service.read_file(str(folder), "service.json", service.parse_object, {})
        tags, meta = chosen(folder, options)
        plan = service.read_plan(tags, meta, options)
    except service.LoadError as error:
        return [Finding(FAULT, "signature", str(error))], None
    asked = meta.signature_def[plan.signature]
    missing = [alias for side, aliases in CONTRACT.items() for alias, wanted in aliases.items()
               if not _like(service.describe(getattr(asked, side).get(alias)), wanted)]
    if not missing:
        return [Finding(OK, "signature", "the contract's aliases, dtypes and shapes")], plan
    return [Finding(NOTE, "signature", "not the contract's ({} missing or of another type): asked by tags {}, "
                    "signature {!r}, input {!r} of {}, output {!r} (infer.py adopt gives it the contract)".format(
                        ", ".join(missing), "+".join(tags), plan.signature, plan.input,
                        "ids" if plan.takes_ids else "texts", plan.output))], plan


def _like(found: str, wanted: str) -> bool:
    """Are these the same, where a known number of classes is as good as an unknown one?"""
    return found == wanted or (wanted.endswith(", -1]") and found.startswith(wanted[:-3]))


def dangers(folder: Path, allowed: Iterable[str]) -> List[Finding]:
    """Ops that could do harm, names that lead out of the package, tensors that blow up when they are loaded."""
    found = harm(folder, allowed)
    for meta in meta_graphs(str(folder)):
        for name in sorted({asset.filename for asset in assets(meta)}):
            if os.path.basename(name) != name or name in ("", ".", ".."):
                found.append(Finding(FAULT, "files", f"the asset {name!r} is no name of a file in assets/"))
            elif not (folder / "assets" / name).is_file():
                found.append(Finding(FAULT, "files", f"assets/{name} is missing: the graph reads it"))
    return found or [Finding(OK, "ops", "none that reads or writes files, calls Python or talks to others")]


def harm(folder: Path, allowed: Iterable[str]) -> List[Finding]:
    """Ops that could do harm, and tensors that blow up when they are loaded."""
    found = [Finding(FAULT, "ops", said + "; if it is meant, --allow the op") for said in
             dangerous_ops(str(folder)) if said.split("`")[1] not in set(allowed)]
    for meta in meta_graphs(str(folder)):
        for node, size in _sizes(meta):
            if size > MAX_TENSOR:
                found.append(Finding(FAULT, "ops", f"node `{node}` takes {size / 1e9:,.0f} GB when it is loaded"))
    return found


def _sizes(meta: Message) -> Iterator[Tuple[str, float]]:
    """Each constant's and variable's name and bytes: a constant of a few bytes may stand for any number of values."""
    from tensorflow.core.framework import types_pb2
    scopes = [meta.graph_def.node, *(function.node_def for function in meta.graph_def.library.function)]
    for node in (node for scope in scopes for node in scope):
        if node.op == "Const":
            shape, kind = node.attr["value"].tensor.tensor_shape, node.attr["value"].tensor.dtype
        elif node.op in VARIABLES:
            shape, kind = node.attr["shape"].shape, node.attr["dtype"].type
        else:
            continue
        width = 1 if kind in (types_pb2.DT_BOOL, types_pb2.DT_INT8, types_pb2.DT_UINT8) else 4
        yield node.name, width * functools.reduce(operator.mul, (float(d.size) for d in shape.dim), 1.0)


def engines(folder: Path, tags: Any) -> Dict[str, List[str]]:
    """Engine → why neither loader of the service's loads the model there; ``[]`` where one does."""
    by_session, by_load = engine_fit(str(folder), tags), engine_fit(str(folder), tags, LOAD)
    return {name: reasons if reasons and by_load[name] else [] for name, reasons in by_session.items()}


def _runtime(folder: Path) -> str:
    try:
        return str(manifest.read_json(folder / package.CONFIG).get("runtime"))
    except PackageError:  # told by others
        return ""


def fit(folder: Path, verdicts: Dict[str, List[str]]) -> List[Finding]:
    """A line an engine; a fault for the one that config.json asks for."""
    asked, found = RUNTIMES.get(_runtime(folder), ""), []
    for engine, reasons in verdicts.items():
        if not reasons:
            found.append(Finding(OK, "engines", f"loads on {engine}"))
            continue
        level = FAULT if engine == asked else NOTE
        told = f", which {package.CONFIG} asks for" if engine == asked else ""
        more = f", and {len(reasons) - 3} more" if len(reasons) > 3 else ""
        found.append(Finding(level, "engines", "will not load on {}{}: {}{}".format(
            engine, told, "; ".join(reasons[:3]), more)))
    return found
