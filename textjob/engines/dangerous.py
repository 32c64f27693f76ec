"""Lists the ops by which a foreign SavedModel could access files, processes or the network of its server.

The list is based on op names, constants and assets; nothing is run. It is not a sandbox: it reports ops that a text
classifier does not need.
"""
from typing import Dict, Iterable, Iterator, List, Optional, Sequence, Set, Tuple

from textjob.engines.saved_graph import (
    Message,
    ancestors,
    assets,
    called,
    fetched,
    library,
    meta_graphs,
    node_of,
    reachable,
)

READS, WRITES = "reads files", "writes files"

DANGEROUS = {
    "calls Python":
        "EagerPyFunc PyFunc PyFuncStateless",
    READS:
        "CSVDataset CSVDatasetV2 DTensorRestoreV2 ExperimentalCSVDataset ExperimentalLMDBDataset "
        "ExperimentalMatchingFilesDataset ExperimentalSqlDataset FixedLengthRecordDataset "
        "FixedLengthRecordDatasetV2 FixedLengthRecordReader FixedLengthRecordReaderV2 GenerateVocabRemapping "
        "ImmutableConst ImportEvent LMDBDataset LMDBReader ListSnapshotChunksDataset LoadAndRemapMatrix "
        "LoadDataset MatchingFiles MatchingFilesDataset ReadFile RecordInput Restore RestoreSlice RestoreV2 "
        "Skipgram SnapshotChunkDataset SnapshotDatasetReader SqlDataset TFRecordDataset TFRecordDatasetV2 "
        "TFRecordReader TFRecordReaderV2 TextLineDataset TextLineReader TextLineReaderV2 WholeFileReader "
        "WholeFileReaderV2",
    WRITES:
        "CalibrationStatisticsSaver CreateSummaryDbWriter CreateSummaryFileWriter DatasetToTFRecord "
        "DistributedSave DumpTensor ExperimentalDatasetToTFRecord MergeV2Checkpoints Save SaveDataset "
        "SaveDatasetV2 SaveSlices SaveV2 SnapshotDataset SnapshotDatasetV2 WriteFile",
    "communicates with other machines":
        "BigQueryReader DataServiceDataset DataServiceDatasetV2 DataServiceDatasetV3 DataServiceDatasetV4 "
        "GenerateBigQueryReaderPartitions RegisterDataset RegisterDatasetV2 Rpc RpcCall RpcClient RpcServer "
        "RpcServerRegister RpcServerStart TryRpc",
    "changes the access to file systems":
        "FileSystemSetConfiguration GcsConfigureBlockCache GcsConfigureCredentials",
    "runs code that this check cannot inspect":
        "DatasetFromGraph RemoteCall RemoteFusedGraphExecute",
    "ends the process":
        "Abort",
}
WHY = {op: why for why, ops in DANGEROUS.items() for op in ops.split()}

# The ops of the saver in a v1 graph, and of the functions traced_save and traced_restore in a v2 graph.
RESTORE_OPS = {"Restore", "RestoreSlice", "RestoreV2"}
SAVER_OPS = {"MergeV2Checkpoints", "Save", "SaveSlices", "SaveV2", *RESTORE_OPS}

# Harmless with these values of an attr: op → (attr, values, the effect of other values)
BY_ATTR = {
    "PrintV2": ("output_stream", ("", "stderr", "stdout", "log(info)", "log(warning)", "log(error)"), WRITES),
    "DecodeProtoV2": ("descriptor_source", ("", "local://"), READS),
    "EncodeProto": ("descriptor_source", ("", "local://"), READS),
    "FixedUnigramCandidateSampler": ("vocab_file", ("",), READS),
}
# Harmless if an input is an asset of the package, or "" (a cache in memory): op → (input, the effect otherwise)
BY_FILE = {
    "InitializeTableFromTextFile": (1, READS + " that are not assets"),
    "InitializeTableFromTextFileV2": (1, READS + " that are not assets"),
    "CacheDataset": (1, WRITES),
    "CacheDatasetV2": (1, WRITES),
}
DEBUG_URLS = "debug_urls"  # an attr of the DebugIdentity ops: files or other machines
FORWARDS_INPUT = ("Identity", "StopGradient")
BRANCHES = ("If", "StatelessIf", "Case", "StatelessCase")  # the first input selects the branch, the others are passed


def dangerous_ops(saved_model: str, tags: Optional[Iterable[str]] = None) -> List[str]:
    """One sentence for each dangerous op of the model; ``[]`` for the ops of usual classifiers."""
    nodes_of: Dict[Tuple[str, str], List[str]] = {}
    for meta in meta_graphs(saved_model, tags):
        for op, why, node in Inspected(meta).findings():
            nodes_of.setdefault((op, why), []).append(node)
    return [f"op `{op}` {why} (node `{nodes[0]}`{f', and {len(nodes) - 1} more' if len(nodes) > 1 else ''})"
            for (op, why), nodes in sorted(nodes_of.items())]


class Inspected:
    """A MetaGraph as scopes of nodes: the main graph, whose name is "", and the body of every function."""

    def __init__(self, meta: Message) -> None:
        self.functions = library(meta)
        self.scopes: Dict[str, Dict[str, Message]] = {
            name: {node.name: node for node in each.node_def} for name, each in self.functions.items()}
        self.scopes[""] = {node.name: node for node in meta.graph_def.node}
        self.assets = asset_constants(meta)
        main = meta.graph_def.node
        saved = self.part(main, [meta.saver_def.save_tensor_name])
        restored = self.part(main, [meta.saver_def.restore_op_name])
        # A save op that a signature or the initialization can run does not belong to a saver. A graph of several
        # MetaGraphs contains the ops of all their savers.
        requested = self.part(main, fetched(meta) + list(meta.collection_def["table_initializer"].node_list.value))
        requested[1].update(called_on_load(meta))
        savers = {node.name for node in main if node.op in SAVER_OPS}
        self.reads = [savers - requested[0], (saved[1] | restored[1]) - requested[1]]
        # Loading restores, but does not save.
        self.writes = [savers - restored[0] - requested[0], saved[1] - restored[1] - requested[1]]

    def part(self, nodes: Sequence[Message], tensors: Iterable[str]) -> Tuple[Set[str], Set[str]]:
        """The nodes of the main graph and the functions that these tensors depend on."""
        needed = ancestors(nodes, tensors)
        return {node.name for node in needed}, reachable(needed, self.functions)

    def findings(self) -> Iterator[Tuple[str, str, str]]:
        """(op, what it can do, node) for each dangerous node"""
        for scope, nodes in sorted(self.scopes.items()):
            for node in nodes.values():
                why = self.why(scope, node)
                if why:
                    yield node.op, why, f"{node.name} in {scope}" if scope else node.name

    def why(self, scope: str, node: Message) -> str:
        """What this node can do that is dangerous; "" if it is harmless."""
        if node.op in WHY:
            nodes, functions = self.reads if node.op in RESTORE_OPS else self.writes
            own = scope in functions if scope else node.name in nodes
            return "" if own and node.op in SAVER_OPS else WHY[node.op]
        if node.op in BY_ATTR:
            attr, harmless, why = BY_ATTR[node.op]
            return why if attr in node.attr and node.attr[attr].s.decode("latin-1") not in harmless else ""
        if node.op in BY_FILE:
            index, why = BY_FILE[node.op]
            origins = self.origins(scope, node.input[index], set())
            return "" if all(self.harmless_name(where, origin) for where, origin in origins) else why
        if DEBUG_URLS in node.attr and node.attr[DEBUG_URLS].list.s:
            return WRITES
        return ""

    def harmless_name(self, scope: str, node: Message) -> bool:
        """Whether this constant is the path of an asset, or empty."""
        if not scope and node.name in self.assets:
            return True
        return node.op == "Const" and list(node.attr["value"].tensor.string_val) == [b""]

    def origins(self, scope: str, tensor: str, seen: Set[Tuple[str, str]]) -> Iterator[Tuple[str, Message]]:
        """The nodes that may produce a tensor, across identities and from a function's arguments to its callers."""
        name = node_of(tensor)
        if (scope, name) in seen:
            return
        seen.add((scope, name))
        node = self.scopes[scope].get(name)
        if node is None:
            for caller, argument in self.arguments(scope, name):
                yield from self.origins(caller, argument, seen)
        elif node.op in FORWARDS_INPUT:
            yield from self.origins(scope, node.input[0], seen)
        elif node.op == "ReadVariableOp":  # tf.saved_model.save stores the path of an asset in a variable
            assigned = [other.input[1] for other in self.scopes[scope].values() if (
                other.op == "AssignVariableOp" and node_of(other.input[0]) == node_of(node.input[0]))]
            for value in assigned:
                yield from self.origins(scope, value, seen)
            if not assigned:
                yield scope, node
        else:
            yield scope, node

    def arguments(self, function: str, argument: str) -> Iterator[Tuple[str, str]]:
        """(scope, tensor) that each caller of a function passes for one of its arguments"""
        names = [each.name for each in self.functions[function].signature.input_arg] if function else []
        for scope, nodes in self.scopes.items():
            for node in nodes.values():
                if argument in names and function in called(node):
                    index = names.index(argument) + (node.op in BRANCHES)
                    if index < len(node.input):
                        yield scope, node.input[index]


def called_on_load(meta: Message) -> Set[str]:
    """The functions of objects. ``tf.saved_model.load`` calls some of them, such as the initializers of tables."""
    names: Set[str] = set()
    for node in meta.object_graph_def.nodes:
        names.update(node.function.concrete_functions)
        names.add(node.bare_concrete_function.concrete_function_name)
    return names


def asset_constants(meta: Message) -> Set[str]:
    """The constants that every loader replaces by the path of an asset."""
    return {node_of(asset.tensor_info.name) for asset in assets(meta)}
