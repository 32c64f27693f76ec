"""Predicts which of the platform's engines load and run a SavedModel, without running the engines.

The prediction is based on the engines' own op lists and on the measured behaviour of their loaders; ``make matrix``
compares it with the real engines. It does not cover custom builds and ops, shapes, and values computed at run time.
"""
from typing import Dict, Iterable, Iterator, List, Optional

from textjob.engines.dangerous import dangerous_ops
from textjob.engines.node import Judge
from textjob.engines.registry import Engine, engines
from textjob.engines.saved_graph import Graph, Message, meta_graphs

__all__ = ["LOAD", "SERVING", "SESSION", "dangerous_ops", "engine_fit"]

SESSION = "session"          # tf.compat.v1.saved_model.loader.load
LOAD = "saved_model.load"    # tf.saved_model.load, from 2.0 on
SERVING = "serving"          # TensorFlow Serving and other users of the C++ loader


def engine_fit(saved_model: str, tags: Optional[Iterable[str]] = None, loader: str = SESSION
               ) -> Dict[str, List[str]]:
    """Engine → the reasons why it does not load or run the model; ``[]`` if it does.

    ``saved_model`` is a ``saved_model.pb`` or its folder. All MetaGraphs are checked, unless ``tags`` names one.
    """
    if loader not in (SESSION, LOAD, SERVING):
        raise ValueError(f"loader is {loader!r}; expected {SESSION!r}, {LOAD!r} or {SERVING!r}")
    graphs = [Graph(meta) for meta in meta_graphs(saved_model, tags)]
    return {engine.name: sorted({reason for graph in graphs for reason in _graph(graph, engine, loader)})
            for engine in engines()}


def _graph(graph: Graph, engine: Engine, loader: str) -> Iterator[str]:
    """All reasons why this engine's loader rejects a MetaGraph, with repetitions."""
    if loader == LOAD and not engine.has_load:
        yield f"TensorFlow {engine.tensorflow} has no tf.saved_model.load"
        return
    judge = Judge(engine, graph)
    # tf.saved_model.load rebuilds an export by tf.saved_model.save from its objects and functions only.
    if not (loader == LOAD and graph.meta.HasField("object_graph_def")):
        yield from _versions(graph.meta.graph_def.versions, engine)
        for node in graph.nodes.values():
            yield from _main_node(node, judge, loader)
    yield from _functions(judge, loader)


def _versions(versions: Message, engine: Engine) -> Iterator[str]:
    if versions.min_consumer > engine.graph_version:
        yield (f"the graph requires graph version {versions.min_consumer} or newer; the engine has "
               f"{engine.graph_version}")
    if engine.graph_version in versions.bad_consumers:
        yield f"the graph excludes the engine's graph version {engine.graph_version}"


def _main_node(node: Message, judge: Judge, loader: str) -> Iterator[str]:
    """The main graph is imported as a whole. A Session then needs a kernel for every node, even if it never runs."""
    engine, graph = judge.engine, judge.graph
    running = node.name in graph.running_nodes
    reasons = list(judge.definition(node, stripping=loader != SERVING))
    if loader == SESSION and engine.looks_up_listed_ops and node.op in engine.unlisted and (
            node.op in graph.writer_ops):
        reasons.append(f"op `{node.op}` is not registered in the engine's Python")
    if not reasons and (running or loader != LOAD):
        reasons.extend(judge.kernel(node))
    yield from reasons
    yield from judge.lowering(node)
    if running or engine.instantiates_all_calls:
        yield from judge.calls(node)
    if running:
        yield from judge.running(node, graph.nodes)
        yield from _branch_list(node, engine, loader)


def _functions(judge: Judge, loader: str) -> Iterator[str]:
    """A function that runs must meet all requirements; one that is only named must allow instantiation.

    Both branches of a condition count as running. ``tf.saved_model.load`` imports every function.
    """
    graph = judge.graph
    seen = graph.running_functions | (graph.named_functions if judge.engine.instantiates_all_calls else set())
    for name in sorted(graph.functions if loader == LOAD else seen):
        running = name in graph.running_functions
        for node in graph.bodies[name].values():
            reasons = list(judge.definition(node, strict=running or loader == LOAD))
            if running and not reasons:
                reasons.extend(judge.kernel(node))
            yield from reasons
            yield from judge.calls(node)
            yield from _branch_list(node, judge.engine, loader)
            if running:
                yield from judge.lowering(node)
                yield from judge.running(node, graph.bodies[name])


def _branch_list(node: Message, engine: Engine, loader: str) -> Iterator[str]:
    """``tf.saved_model.load`` of 2.1 renames functions, but not those in lists (``tf.switch_case``)."""
    if loader == LOAD and engine.version == (2, 1) and any(value.list.func for value in node.attr.values()):
        yield f"tf.saved_model.load cannot resolve the branches of op `{node.op}`"
