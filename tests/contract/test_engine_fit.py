"""The promises of ``infer.py check`` about engines and dangerous ops, tested with today's TensorFlow."""
import os
import shutil

import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from textjob import engines
from textjob.errors import PackageError

ALL = ["tf1.13-python3.6", "tf1.15-python3.7", "tf2.1-python3.7", "tf2.6-python3.7"]
FLOATS = [tf.TensorSpec([None, 4], tf.float32, name="x")]
v1 = tf.compat.v1


def classic(folder, body=lambda x: x, strip=True, text=False):
    """A model exported as the template does it: v1 graph, reference variables, a table from an asset."""
    words = folder.parent / (folder.name + ".txt")
    words.write_text("hello\nworld\n")
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.string, [None], "input_x")
        table = v1.lookup.StaticHashTable(v1.lookup.TextFileInitializer(
            str(words), tf.string, v1.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64, v1.lookup.TextFileIndex.LINE_NUMBER), 2)
        ids = table.lookup(body(x) if text else x)
        w = v1.get_variable("w", [3, 2], use_resource=False)
        scores = tf.nn.softmax(tf.nn.embedding_lookup(w, ids))
        signature = v1.saved_model.build_signature_def(
            {"input_x": v1.saved_model.build_tensor_info(x)},
            {"output": v1.saved_model.build_tensor_info(scores if text else body(scores))},
            "tensorflow/serving/predict")
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(
            session, ["serve"], signature_def_map={"serving_default": signature},
            assets_collection=v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS),
            main_op=v1.tables_initializer(), clear_devices=True, strip_default_attrs=strip)
        builder.save()
    return str(folder)


def today(folder, body=lambda self, x: tf.matmul(x, self.w)):
    """A model exported by tf.saved_model.save."""
    class Served(tf.Module):
        def __init__(self):
            self.w = tf.Variable(tf.ones([4, 2]))

        @tf.function(input_signature=FLOATS)
        def serve(self, x):
            return {"y": body(self, x)}
    made = Served()
    tf.saved_model.save(made, str(folder), signatures={"serving_default": made.serve})
    return str(folder)


def with_table(folder):
    """A table from an asset, exported by tf.saved_model.save."""
    words = folder.parent / (folder.name + ".txt")
    words.write_text("hello\nworld\n")
    lines = tf.lookup.TextFileIndex

    class Served(tf.Module):
        def __init__(self):
            self.table = tf.lookup.StaticHashTable(tf.lookup.TextFileInitializer(
                str(words), tf.string, lines.WHOLE_LINE, tf.int64, lines.LINE_NUMBER), -1)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="x")])
        def serve(self, x):
            return {"y": self.table.lookup(x)}
    made = Served()
    tf.saved_model.save(made, str(folder), signatures={"serving_default": made.serve})
    return str(folder)


def edited(folder, edit, to):
    """A copy of an export whose first MetaGraph is edited."""
    shutil.copytree(folder, to)
    path = os.path.join(to, "saved_model.pb")
    model = saved_model_pb2.SavedModel()
    with open(path, "rb") as source:
        model.ParseFromString(source.read())
    edit(model.meta_graphs[0])
    with open(path, "wb") as target:
        target.write(model.SerializeToString())
    return str(to)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return tmp_path_factory.mktemp("exports")


@pytest.fixture(scope="module")
def package(here):
    return classic(here / "package")


@pytest.fixture(scope="module")
def of_today(here):
    return today(here / "today")


def test_the_template_s_own_export_loads_on_every_engine(package):
    for loader in (engines.SESSION, engines.SERVING):
        assert engines.engine_fit(package, loader=loader) == {name: [] for name in ALL}
    assert {name: reasons for name, reasons in engines.engine_fit(package, loader=engines.LOAD).items() if not reasons
            } == {name: [] for name in ALL[2:]}


def test_an_export_by_todays_tf_saved_model_save_loads_on_no_engine_and_the_reasons_are_named(of_today):
    by_session, by_load = engines.engine_fit(of_today), engines.engine_fit(of_today, loader=engines.LOAD)
    assert "attr `debug_name` of op `VarHandleOp` is not known" in by_session["tf1.15-python3.7"]
    assert by_session["tf2.6-python3.7"] == ["op `DisableCopyOnRead` is not registered"]
    for engine in ALL[2:]:
        assert by_load[engine] == ["op `DisableCopyOnRead` is not registered"]
    assert all(by_session[engine] for engine in ALL)


def test_an_op_that_older_engines_lack_is_named_for_these_engines(here):
    lower = classic(here / "lower", lambda x: tf.strings.lower(x, encoding="utf-8"), text=True)
    assert engines.engine_fit(lower) == {
        name: ["op `StringLower` is not registered"] if name in ALL[:1] else [] for name in ALL}


def test_unknown_attrs_with_default_values_are_rejected_by_the_c_loader_and_accepted_by_the_python_loaders(here):
    written = classic(here / "unstripped", strip=False)
    assert [name for name, reasons in engines.engine_fit(written).items() if reasons] == []
    refused = {name for name, reasons in engines.engine_fit(written, loader=engines.SERVING).items() if reasons}
    assert refused and "tf2.6-python3.7" not in refused  # 2.6 ignores unknown attrs


def test_types_that_an_engine_does_not_support_are_named(here):
    half = classic(here / "half", lambda x: tf.cast(tf.nn.softmax(tf.cast(x, tf.bfloat16)), tf.float32))
    assert engines.engine_fit(half)["tf1.13-python3.6"] == ["op `Softmax` has no CPU kernel for T=bfloat16"]
    kind = tf.dtypes.experimental.float8_e5m2
    eight = classic(here / "eight", lambda x: tf.cast(tf.cast(x, kind), tf.float32))
    assert all("float8_e5m2 is not known" in reasons[0] for reasons in engines.engine_fit(eight).values())


def test_a_function_that_no_signature_calls_matters_only_to_tf_saved_model_load(package, here):
    def unused(meta):
        made = meta.graph_def.library.function.add()
        made.signature.name = "unused"
        made.node_def.add(name="n", op="OpOfTomorrow")
    model = edited(package, unused, here / "unused")
    assert engines.engine_fit(model) == {name: [] for name in ALL}
    by_load = engines.engine_fit(model, loader=engines.LOAD)
    assert by_load["tf2.1-python3.7"] == ["op `OpOfTomorrow` is not registered"]


def test_a_graph_that_requires_a_newer_graph_version_loads_only_on_engines_that_have_it(package, here):
    def require(meta):
        meta.graph_def.versions.min_consumer = 200
    model = edited(package, require, here / "newer")
    assert [name for name, reasons in engines.engine_fit(model).items() if not reasons] == ["tf2.6-python3.7"]


def test_only_the_meta_graph_with_the_given_tags_is_checked(package, here):
    model = str(here / "two")
    shutil.copytree(package, model)
    path = os.path.join(model, "saved_model.pb")
    both = saved_model_pb2.SavedModel()
    with open(path, "rb") as source:
        both.ParseFromString(source.read())
    second = both.meta_graphs.add()
    second.CopyFrom(both.meta_graphs[0])
    second.meta_info_def.tags[:] = ["train"]
    second.graph_def.node.add(name="n", op="OpOfTomorrow")
    with open(path, "wb") as target:
        target.write(both.SerializeToString())
    assert all(engines.engine_fit(model).values())
    assert not any(engines.engine_fit(model, ["serve"]).values())
    with pytest.raises(PackageError, match=r"no MetaGraph with the tag set gpu; its tag sets are: serve; train"):
        engines.engine_fit(model, ["gpu"])


@pytest.mark.parametrize("content", [None, b"no protocol buffer"])
def test_a_missing_or_damaged_saved_model_is_an_error_with_a_sentence(content, tmp_path):
    if content:
        (tmp_path / "saved_model.pb").write_bytes(content)
    with pytest.raises(PackageError, match="is not a readable saved_model"):
        engines.engine_fit(str(tmp_path))


# ---- dangerous ops

def test_the_ops_of_usual_classifiers_are_not_dangerous(package, of_today, here):
    assert engines.dangerous_ops(package) == []
    assert engines.dangerous_ops(of_today) == []
    assert engines.dangerous_ops(with_table(here / "table")) == []


def writes_a_file(x):
    with tf.control_dependencies([tf.io.write_file("stolen", "x")]):
        return tf.identity(x)


def prints_to_a_file(x):
    with tf.control_dependencies([tf.print(x, output_stream="file://stolen")]):
        return tf.identity(x)


@pytest.mark.parametrize("body, message", [
    (lambda x: x + tf.strings.to_number(tf.io.read_file("secret")), "`ReadFile` reads files"),
    (lambda x: x + tf.cast(tf.size(tf.io.matching_files("*")), tf.float32), "`MatchingFiles` reads files"),
    (writes_a_file, "`WriteFile` writes files"),
    (prints_to_a_file, "`PrintV2` writes files"),
    (lambda x: tf.numpy_function(lambda a: a, [x], tf.float32), "`PyFunc` calls Python"),
    (lambda x: tf.py_function(lambda a: a, [x], tf.float32), "`EagerPyFunc` calls Python"),
    (lambda x: x + tf.cast(v1.data.TFRecordDataset("secret").reduce(0, lambda a, _: a + 1), tf.float32),
     "`TFRecordDataset` reads files"),
    (lambda x: x + tf.raw_ops.RestoreV2(prefix="secret", tensor_names=["a"], shape_and_slices=[""],
                                        dtypes=[tf.float32])[0], "`RestoreV2` reads files"),
])
def test_a_dangerous_op_is_named_with_its_node(body, message, tmp_path):
    found = engines.dangerous_ops(classic(tmp_path / "model", body))
    assert len(found) == 1 and "op " + message in found[0] and "(node `" in found[0]


def test_a_dangerous_op_inside_a_function_is_named_with_the_function(tmp_path):
    found = engines.dangerous_ops(today(tmp_path / "model", lambda self, x: x + tf.cast(
        tf.strings.length(tf.io.read_file("secret")), tf.float32)))
    assert len(found) == 1 and "`ReadFile` reads files" in found[0] and "__inference_serve" in found[0]


def test_a_table_from_a_file_that_is_not_an_asset_is_named(package, tmp_path):
    def forget(meta):
        del meta.collection_def["saved_model_assets"]
    found = engines.dangerous_ops(edited(package, forget, tmp_path / "model"))
    assert len(found) == 1 and "`InitializeTableFromTextFileV2` reads files that are not assets" in found[0]
