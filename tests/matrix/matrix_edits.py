"""SavedModels that no exporter writes, made by editing one: each differs in one point that a loader may reject."""
import os

from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import saved_model_pb2

NEW = "OpOfTomorrow"
FLOAT, BOOL, INT32 = types_pb2.DT_FLOAT, types_pb2.DT_BOOL, types_pb2.DT_INT32
COMPLEX, BFLOAT16 = types_pb2.DT_COMPLEX64, types_pb2.DT_BFLOAT16
OUTPUTS = {"PartitionedCall": "output", "Relu": "activations", "Neg": "y"}


def add(nodes, name, op, inputs=(), **attrs):
    """Add a node. The kind of an attr follows from its value: bool, number of a type, list of types, function name."""
    node = nodes.add(name=name, op=op, input=inputs)
    for key, value in attrs.items():
        if isinstance(value, bool):
            node.attr[key].b = value
        elif isinstance(value, int):
            node.attr[key].type = value
        elif isinstance(value, list):
            node.attr[key].list.type.extend(value)
        else:
            node.attr[key].func.name = value
    return node


class Edited:
    """A MetaGraph with a placeholder ``x``, and the changes that the edits consist of."""

    def __init__(self, meta):
        self.meta = meta
        self.versions = meta.graph_def.versions

    def node(self, op, inputs=("x",), **attrs):
        """Add a node ``n`` to the main graph, which no signature fetches."""
        return add(self.meta.graph_def.node, "n", op, inputs, **attrs)

    def cast(self, kind):
        add(self.meta.graph_def.node, "i", "Cast", ["x"], SrcT=FLOAT, DstT=kind)

    def function(self, op, inputs=("x",), kind=FLOAT, name="f", **attrs):
        """Add a library function of one tensor with one node of that op."""
        made = self.meta.graph_def.library.function.add()
        made.signature.name = name
        made.signature.input_arg.add(name="x", type=kind)
        made.signature.output_arg.add(name="y", type=kind)
        made.ret["y"] = "body:{}:0".format(OUTPUTS.get(op, "output"))
        return add(made.node_def, "body", op, inputs, **attrs)

    def nest(self):
        """Add ``f``, which calls ``g``, which contains the new op."""
        self.function(NEW, name="g")
        self.function("PartitionedCall", f="g", Tin=[FLOAT], Tout=[FLOAT])

    def call(self, function="f", fetch=False, inputs=("x",), kind=FLOAT):
        self.node("PartitionedCall", inputs, f=function, Tin=[kind], Tout=[kind])
        if fetch:
            self.fetch()

    def fetch(self):
        """Make ``n`` the output of the signature."""
        for signature in self.meta.signature_def.values():
            for info in signature.outputs.values():
                info.name = "n:0"

    def permute(self, in_function=False):
        """Add an op that most engines have registered and none has a CPU kernel for."""
        nodes = self.meta.graph_def.library.function[-1].node_def if in_function else self.meta.graph_def.node
        pairs = add(nodes, "pairs", "Const", dtype=INT32).attr["value"].tensor
        pairs.dtype = INT32
        pairs.int_val.extend([0, 0])
        pairs.tensor_shape.dim.add(size=1)
        pairs.tensor_shape.dim.add(size=2)
        add(nodes, "n", "CollectivePermute", ["x", "pairs:output:0" if in_function else "pairs"], T=FLOAT)

    def choose(self):
        """Add an If that runs its branch ``f``, never ``g``."""
        value = add(self.meta.graph_def.node, "c", "Const", dtype=BOOL).attr["value"].tensor
        value.dtype = BOOL
        value.bool_val.append(True)
        value.tensor_shape.SetInParent()
        self.node("If", ["c", "x"], Tcond=BOOL, Tin=[FLOAT], Tout=[FLOAT], then_branch="f", else_branch="g")
        self.fetch()

    def list_default(self, op):
        """Add an attr ``later`` with the default True to the writer's op list."""
        listed = self.meta.meta_info_def.stripped_op_list.op.add(name=op)
        listed.attr.add(name="later", type="bool").default_value.b = True


# Name → edit. "beside": no signature fetches the changed part; "run": the signature does.
EDITS = {
    "as_it_was": lambda g: None,
    "min_consumer_30": lambda g: setattr(g.versions, "min_consumer", 30),
    "min_consumer_175": lambda g: setattr(g.versions, "min_consumer", 175),
    "min_consumer_9999": lambda g: setattr(g.versions, "min_consumer", 9999),
    "bad_consumer_175": lambda g: g.versions.bad_consumers.append(175),
    "new_op_beside": lambda g: g.node(NEW, []),
    "attr_unknown": lambda g: g.node("Identity", T=FLOAT, later=True),
    "attr_unknown_at_default": lambda g: [g.node("Identity", T=FLOAT, later=True),
                                          g.list_default("Identity")],
    "attr_private": lambda g: g.node("Identity", T=FLOAT, _later=True),
    "attr_missing": lambda g: g.node("Identity"),
    "attr_of_wrong_kind": lambda g: g.node("Identity", T=True),
    "type_unknown": lambda g: g.node("Placeholder", [], dtype=99),
    "type_unknown_private": lambda g: g.node("Placeholder", [], dtype=1, _later=99),
    "list_too_short": lambda g: g.node("IdentityN", [], T=[]),
    "too_many_inputs": lambda g: g.node("Identity", ["x", "x"], T=FLOAT),
    "too_few_inputs": lambda g: g.node("Identity", [], T=FLOAT),
    "internal_op": lambda g: g.node("_ParallelConcatStart", [], dtype=FLOAT),
    "type_not_allowed": lambda g: [g.cast(COMPLEX), g.node("Abs", ["i"], T=COMPLEX)],
    "no_kernel_for_type": lambda g: [g.cast(BFLOAT16), g.node("Softmax", ["i"], T=BFLOAT16)],
    "no_kernel_beside": lambda g: g.permute(),
    "no_kernel_run": lambda g: [g.permute(), g.fetch()],
    "f_new_op_unused": lambda g: g.function(NEW),
    "f_new_op_beside": lambda g: [g.function(NEW), g.call()],
    "f_new_op_nested_beside": lambda g: [g.nest(), g.call()],
    "f_new_op_nested_run": lambda g: [g.nest(), g.call(fetch=True)],
    "f_new_op_branch": lambda g: [g.function("Neg", T=FLOAT), g.function(NEW, name="g"), g.choose()],
    "f_attr_unknown_unused": lambda g: g.function("Neg", T=FLOAT, later=True),
    "f_attr_unknown_beside": lambda g: [g.function("Neg", T=FLOAT, later=True), g.call()],
    "f_attr_unknown_run": lambda g: [g.function("Neg", T=FLOAT, later=True), g.call(fetch=True)],
    "f_attr_unknown_at_default": lambda g: [g.function("Neg", T=FLOAT, later=True), g.list_default("Neg"),
                                            g.call(fetch=True)],
    "f_attr_missing_unused": lambda g: g.function("Neg"),
    "f_attr_missing_run": lambda g: [g.function("Neg"), g.call(fetch=True)],
    "f_attr_of_wrong_kind": lambda g: [g.function("Neg", T=True), g.call(fetch=True)],
    "f_too_many_inputs": lambda g: [g.function("Neg", ["x", "x"], T=FLOAT), g.call(fetch=True)],
    "f_type_unknown": lambda g: [g.function("Neg", T=99, kind=99), g.call(fetch=True)],
    "f_type_not_allowed_unused": lambda g: g.function("Relu", T=BOOL, kind=BOOL),
    "f_type_not_allowed_beside": lambda g: [g.function("Relu", T=BOOL, kind=BOOL), g.cast(BOOL),
                                            g.call(inputs=["i"], kind=BOOL)],
    "f_no_kernel_unused": lambda g: [g.function("Neg", T=FLOAT), g.permute(in_function=True)],
    "f_no_kernel_beside": lambda g: [g.function("Neg", T=FLOAT), g.permute(in_function=True), g.call()],
    "f_no_kernel_run": lambda g: [g.function("Neg", ["n:output:0"], T=FLOAT), g.permute(in_function=True),
                                  g.call(fetch=True)],
    "f_as_op": lambda g: [g.function("Neg", T=FLOAT), g.node("f"), g.fetch()],
    "f_as_op_new_op_beside": lambda g: [g.function(NEW), g.node("f")],
    "f_as_op_new_op_run": lambda g: [g.function(NEW), g.node("f"), g.fetch()],
    "f_nowhere_beside": lambda g: g.call("nowhere"),
    "f_nowhere_run": lambda g: g.call("nowhere", fetch=True),
}


def write_edits(base, folder):
    """Write all edits of a SavedModel whose input is the node ``x`` (``base``: the folder of the case v1_add)."""
    with open(os.path.join(base, "saved_model.pb"), "rb") as source:
        content = source.read()
    for name, edit in EDITS.items():
        model = saved_model_pb2.SavedModel.FromString(content)
        edit(Edited(model.meta_graphs[0]))
        target = os.path.join(folder, name)
        os.makedirs(os.path.join(target, "variables"))
        with open(os.path.join(target, "saved_model.pb"), "wb") as out:
            out.write(model.SerializeToString())
