"""Checks the graph of a package without running it: its signature, dangerous ops, and the engines that load it."""
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

MAX_TENSOR = 20 * 10 ** 9  # bytes of one constant or variable: the platform's limit for a whole model
MAX_REASONS = 3            # reasons per engine in a finding
VARIABLES = ("Variable", "VariableV2", "VarHandleOp")
CONTRACT = {  # the aliases of the template's own models, as the service describes tensors
    "inputs": {"input_x": "string[-1]", "keep_prob": "float[]"},
    "outputs": {"output": "float[-1, -1]", "label": "string[-1]"},
}
SAFE = [Finding(OK, "ops", "no op accesses files, calls Python or communicates with other machines")]


def parsable(folder: Path) -> List[Finding]:
    """A fault if ``saved_model.pb`` cannot be parsed."""
    try:
        meta_graphs(str(folder))
    except PackageError as error:
        return [Finding(FAULT, "files", str(error))]
    return []


def choose_meta_graph(folder: Path, options: Dict[str, Any]) -> Tuple[Any, Message]:
    """The tag set and the MetaGraph that the service chooses; raises its LoadError if the choice is open.

    ``options`` is the content of ``service.json``.
    """
    import customize_service as service
    graphs = {tuple(sorted(meta.meta_info_def.tags)): meta for meta in meta_graphs(str(folder))}
    tags = service.choose("tags", "a tag set", options, ("serve",), sorted(graphs), graphs)
    return tags, graphs[tags]


def signature(folder: Path) -> Tuple[List[Finding], Any]:
    """The service's plan for this model, by its own decision table; None if the table does not decide."""
    import customize_service as service
    try:
        options = service.read_file(str(folder), "service.json", service.parse_object, {})
        tags, meta = choose_meta_graph(folder, options)
        plan = service.read_plan(tags, meta, options)
    except service.LoadError as error:
        return [Finding(FAULT, "signature", str(error))], None
    chosen = meta.signature_def[plan.signature]
    different = [alias for side, aliases in CONTRACT.items() for alias, expected in aliases.items()
                 if not _same_type(service.describe(getattr(chosen, side).get(alias)), expected)]
    if not different:
        return [Finding(OK, "signature", "the aliases, types and shapes are those of the template's models")], plan
    inputs = ", ".join(f"{alias} ({'text' if each.dtype == object else each.dtype.name})"
                       for alias, each in plan.inputs.items())
    return [Finding(NOTE, "signature", "the signature differs from that of the template's models: "
                    f"{', '.join(different)} missing or of another type. The service uses the tag set "
                    f"{'+'.join(tags)}, the signature {plan.signature!r} and the inputs {inputs} (infer.py adopt "
                    "rewrites it)")], plan


def _same_type(actual: str, expected: str) -> bool:
    """Whether two types are equal; a known number of classes equals an unknown one."""
    return actual == expected or (expected.endswith(", -1]") and actual.startswith(expected[:-3]))


def unsafe_contents(folder: Path, allowed: Iterable[str]) -> List[Finding]:
    """Faults of a graph that is dangerous to run: ops, tensors and the names of assets."""
    findings = unsafe_ops(folder, allowed)
    for meta in meta_graphs(str(folder)):
        for name in sorted({asset.filename for asset in assets(meta)}):
            if os.path.basename(name) != name or name in ("", ".", ".."):
                findings.append(Finding(FAULT, "files", f"the asset {name!r} is not the name of a file in assets/; "
                                        "export the model again"))
            elif not (folder / "assets" / name).is_file():
                findings.append(Finding(FAULT, "files", f"assets/{name} is missing, but the graph reads it; export or "
                                        "upload the package again"))
    return findings


def unsafe_ops(folder: Path, allowed: Iterable[str]) -> List[Finding]:
    """Faults of dangerous ops that are not ``allowed``, and of tensors that do not fit into memory."""
    findings = []
    for sentence in dangerous_ops(str(folder)):
        op = sentence.split("`")[1]
        if op not in set(allowed):
            findings.append(Finding(FAULT, "ops", f"{sentence}; if you trust the model, accept it with --allow {op}"))
    for meta in meta_graphs(str(folder)):
        for node, size in _sizes(meta):
            if size > MAX_TENSOR:
                findings.append(Finding(FAULT, "ops", f"node `{node}` needs {size / 1e9:,.0f} GB of memory when it is "
                                        f"loaded; the platform accepts {MAX_TENSOR / 1e9:.0f} GB for a whole model"))
    return findings


def _sizes(meta: Message) -> Iterator[Tuple[str, float]]:
    """(name, bytes) of each constant and variable. A constant of a few bytes may represent any number of values."""
    from tensorflow.core.framework import types_pb2
    scopes = [meta.graph_def.node, *(function.node_def for function in meta.graph_def.library.function)]
    for node in (node for scope in scopes for node in scope):
        if node.op == "Const":
            shape, dtype = node.attr["value"].tensor.tensor_shape, node.attr["value"].tensor.dtype
        elif node.op in VARIABLES:
            shape, dtype = node.attr["shape"].shape, node.attr["dtype"].type
        else:
            continue
        width = 1 if dtype in (types_pb2.DT_BOOL, types_pb2.DT_INT8, types_pb2.DT_UINT8) else 4
        yield node.name, width * functools.reduce(operator.mul, (float(d.size) for d in shape.dim), 1.0)


def engines(folder: Path, tags: Any) -> Dict[str, List[str]]:
    """Engine → the reasons why neither of the service's two loaders loads the model; ``[]`` if one does."""
    by_session, by_load = engine_fit(str(folder), tags), engine_fit(str(folder), tags, LOAD)
    return {name: reasons if reasons and by_load[name] else [] for name, reasons in by_session.items()}


def _runtime(folder: Path) -> str:
    try:
        return str(manifest.read_json(folder / package.CONFIG).get("runtime"))
    except PackageError:  # the check of config.json reports it
        return ""


def engine_findings(folder: Path, verdicts: Dict[str, List[str]]) -> List[Finding]:
    """One finding per engine; a fault if the runtime of config.json does not load the model."""
    findings, engine_of_runtime = [], RUNTIMES.get(_runtime(folder), "")
    for engine, reasons in verdicts.items():
        if not reasons:
            findings.append(Finding(OK, "engines", f"loads on {engine}"))
            continue
        is_runtime = engine == engine_of_runtime
        shown = "; ".join(reasons[:MAX_REASONS])
        more = f"; and {len(reasons) - MAX_REASONS} more reasons" if len(reasons) > MAX_REASONS else ""
        where = f", the runtime in {package.CONFIG}" if is_runtime else ""
        remedy = ". Choose another runtime, or let infer.py adopt rewrite the model" if is_runtime else ""
        findings.append(Finding(
            FAULT if is_runtime else NOTE, "engines",
            f"does not load on {engine}{where}: {shown}{more}{remedy}"))
    return findings
