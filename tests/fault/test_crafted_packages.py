"""Packages that are dangerous, too new, or in unusual places (docs/faults.md: L6 to L8, L12 to L14)."""
import hashlib
import json
import os
import random
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

import crafted
import pytest
import tensorflow as tf
from crafted import HOST, PROJECT, SHIMS, deployed, edited, export, of_texts, without_start
from jobs import relisted
from tensorflow.core.protobuf import meta_graph_pb2

import customize_service as service
import infer
from textjob import check, errors
from textjob.serving import host

v1 = tf.compat.v1
FLOAT = tf.float32.as_datatype_enum
ENGINES = ["tf1.13-python3.6", "tf1.15-python3.7", "tf2.1-python3.7", "tf2.6-python3.7"]


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder beside the package, with a file that a dangerous package tries to read. Nothing may change it."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret", encoding="utf-8")
    return tmp_path / "outside"


class Outcome(NamedTuple):
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run ``infer.py`` with these arguments."""
    def command(*arguments: Any) -> Outcome:
        capsys.readouterr()
        code = errors.run(lambda: infer.main([str(argument) for argument in arguments]))
        return Outcome(code, *capsys.readouterr())
    return command


def faults(result: Dict[str, Any]) -> List[str]:
    return [finding["message"] for finding in result["findings"] if finding["level"] == "fault"]


# L6: a newer TensorFlow


def newest(x: Any) -> Any:
    """Scores that depend on an op that TensorFlow 2.6 does not have."""
    index = tf.raw_ops.RandomIndexShuffle(
        index=tf.constant(1), seed=tf.constant([1, 2, 3], tf.uint32), max_index=tf.constant(5))
    return crafted.constant_scores(x) + 0 * tf.cast(index, tf.float32)


def test_check_names_an_op_that_is_newer_than_the_engines_for_each_engine(tmp_path: Path) -> None:
    folder = without_start(deployed(export(tmp_path / "model", of_texts(newest))))
    (folder / "config.json").write_text(json.dumps({"runtime": "tf2.6-python3.7"}), encoding="utf-8")
    result = check.run(folder)
    assert list(result["engines"]) == ENGINES
    assert all("op `RandomIndexShuffle` is not registered" in reasons for reasons in result["engines"].values())
    assert any("does not load on tf2.6-python3.7, the runtime in config.json: op `RandomIndexShuffle`" in message
               for message in faults(result))


def test_an_op_that_is_newer_than_every_engine_stops_the_load_and_is_named(tmp_path: Path) -> None:
    folder = export(tmp_path / "model", edit=lambda meta: meta.graph_def.node.add(name="n", op="OpOfTomorrow"))
    with pytest.raises(service.LoadError, match="OpOfTomorrow"):
        service.TextClassifierService("m", str(folder))


# L7: dangerous ops


def writes(file: Path) -> Any:
    """Scores, and a file that is written whenever they are computed."""
    def scores(x: Any) -> Any:
        with tf.control_dependencies([tf.io.write_file(str(file), "stolen")]):
            return crafted.constant_scores(x)
    return of_texts(scores)


def test_a_model_that_writes_files_is_refused_and_not_run(
        tmp_path: Path, outside: Path, run: Callable[..., Outcome]) -> None:
    folder = deployed(export(tmp_path / "model", writes(outside / "written")))
    outcome = run("check", "--model", folder)
    assert outcome.code == 5 and "fault: ops: op `WriteFile` writes files" in outcome.out
    assert "answers" not in outcome.out
    outcome = run("adopt", "--source", folder, "--output", tmp_path / "out")
    assert outcome.code == 5 and "op `WriteFile` writes files" in outcome.err
    assert [path.name for path in outside.iterdir()] == ["secret"] and not (tmp_path / "out").exists()


def test_allow_accepts_a_dangerous_op_and_the_service_is_started(
        tmp_path: Path, outside: Path, run: Callable[..., Outcome]) -> None:
    folder = deployed(export(tmp_path / "model", writes(outside / "written")))
    outcome = run("check", "--model", folder, "--allow", "WriteFile")
    assert outcome.code == 0 and "ok: answers: " in outcome.out
    assert (outside / "written").read_text(encoding="utf-8") == "stolen"  # shows that the refusal prevented it


@pytest.mark.parametrize("op, body", [
    ("ReadFile", lambda x: crafted.constant_scores(x) + tf.cast(tf.size(tf.io.read_file("secret")), tf.float32)),
    ("PyFunc", lambda x: tf.numpy_function(lambda a: a, [crafted.constant_scores(x)], tf.float32)),
    ("Abort", lambda x: crafted.constant_scores(x) if tf.raw_ops.Abort() is not None else None)])
def test_a_model_that_reads_files_calls_python_or_ends_the_process_is_refused_by_check_and_adopt(
        tmp_path: Path, run: Callable[..., Outcome], op: str, body: Any) -> None:
    folder = deployed(export(tmp_path / "model", of_texts(body)))
    assert any(f"op `{op}`" in message for message in faults(check.run(folder)))
    outcome = run("adopt", "--source", folder, "--output", tmp_path / "out")
    assert outcome.code == 5 and f"op `{op}`" in outcome.err and not (tmp_path / "out").exists()


def saving(file: Path) -> Callable[[Any], Any]:
    """A SaveV2 op that runs when the variables are restored, that is, on every load."""
    def edit(meta: Any) -> None:
        with tf.Graph().as_default() as graph, tf.name_scope("more"):
            tf.raw_ops.SaveV2(prefix=str(file), tensor_names=["a"], shape_and_slices=[""], tensors=[tf.constant(1.0)],
                              name="written")
        meta.graph_def.node.extend(graph.as_graph_def().node)
        for node in meta.graph_def.node:
            if node.name == meta.saver_def.restore_op_name:
                node.input.append("^more/written")
    return edit


def test_a_save_op_that_runs_when_the_model_is_restored_is_dangerous(
        tmp_path: Path, outside: Path, run: Callable[..., Outcome]) -> None:
    folder = deployed(export(tmp_path / "model", edit=saving(outside / "written")))
    outcome = run("check", "--model", folder)
    assert outcome.code == 5 and "op `SaveV2` writes files" in outcome.out
    outcome = run("adopt", "--source", folder, "--output", tmp_path / "out")
    assert outcome.code == 5 and "op `SaveV2` writes files" in outcome.err
    assert [path.name for path in outside.iterdir()] == ["secret"]


def checkpoint(folder: Path, edit: Callable[[Any], Any]) -> Path:
    """NAME.meta and its checkpoint by tf.train.Saver; ``edit`` changes the graph at the end."""
    folder.mkdir()
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.string, [None], "x")
        w = v1.get_variable("w", [2], use_resource=False)
        tf.nn.softmax(tf.tile(w[None], [tf.shape(x)[0], 1]), name="y")
        session.run(v1.global_variables_initializer())
        v1.train.Saver().save(session, str(folder / "model.ckpt"))
    file = folder / "model.ckpt.meta"
    meta = meta_graph_pb2.MetaGraphDef.FromString(file.read_bytes())
    edit(meta)
    file.write_bytes(meta.SerializeToString())
    return file


def writing(file: Path, meta: Any) -> None:
    """Add a WriteFile node ``more/written``."""
    with tf.Graph().as_default() as graph, tf.name_scope("more"):
        tf.raw_ops.WriteFile(filename=str(file), contents="stolen", name="written")
    meta.graph_def.node.extend(graph.as_graph_def().node)


def when_restored(meta: Any) -> None:
    next(node for node in meta.graph_def.node if node.name == meta.saver_def.restore_op_name).input.append(
        "^more/written")


def when_tables_are_initialised(meta: Any) -> None:
    meta.collection_def["table_initializer"].node_list.value.append("more/written")


@pytest.mark.parametrize("when", [when_restored, when_tables_are_initialised], ids=["restored", "tables"])
def test_nothing_of_a_checkpoints_graph_runs_before_it_is_checked(
        tmp_path: Path, outside: Path, run: Callable[..., Outcome], when: Callable[[Any], None]) -> None:
    def edit(meta: Any) -> None:
        writing(outside / "written", meta)
        when(meta)
    source = checkpoint(tmp_path / "trained", edit)
    outcome = run("adopt", "--source", source, "--output", tmp_path / "out", "--output_tensor", "y:0")
    assert outcome.code == 5 and "op `WriteFile` writes files" in outcome.err
    assert [path.name for path in outside.iterdir()] == ["secret"]


# L8: dangerous files and tensors


def listing(path: Callable[[Path], str]) -> Callable[[Path, Path], Any]:
    """Add a correct entry for a file outside the package to the manifest."""
    def craft(folder: Path, outside: Path) -> None:
        digest = hashlib.sha256((outside / "secret").read_bytes()).hexdigest()
        manifest = json.loads((relisted(folder) / "manifest.json").read_text(encoding="utf-8"))
        manifest["files"].append({"path": path(outside), "sha256": digest, "size": 6})
        (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return craft


def asset(name: Callable[[Path], str], in_collection: bool = False) -> Callable[[Path, Path], Any]:
    """Add an asset with that file name to the graph."""
    def craft(folder: Path, outside: Path) -> None:
        def edit(meta: Any) -> None:
            definition = meta_graph_pb2.AssetFileDef(filename=name(outside))
            definition.tensor_info.name = "x:0"
            if in_collection:
                meta.collection_def["saved_model_assets"].any_list.value.add().Pack(definition)
            else:
                meta.asset_file_def.append(definition)
        edited(folder, edit)
    return craft


def constant(where: Callable[[Any], Any], op: str = "Const") -> Callable[[Path, Path], Any]:
    """Add a constant or a variable of 10^12 values."""
    def craft(folder: Path, outside: Path) -> None:
        def edit(meta: Any) -> None:
            node = where(meta).add(name="bomb", op=op)
            node.attr["dtype"].type = FLOAT
            if op == "Const":
                big(node.attr["value"].tensor)
            else:
                node.attr["shape"].shape.dim.add(size=10 ** 12)
        edited(folder, edit)
    return craft


def big(tensor: Any) -> None:
    """Set a tensor of 10^12 equal values, which a protocol buffer stores as one value."""
    tensor.dtype = FLOAT
    tensor.tensor_shape.dim.add(size=10 ** 12)
    tensor.float_val.append(1.0)


def big_default(folder: Path, outside: Path) -> None:
    def edit(meta: Any) -> None:
        signature = meta.signature_def["serving_default"]
        signature.inputs["temperature"].name, signature.inputs["temperature"].dtype = "y:0", FLOAT
        big(signature.defaults["temperature"])
    edited(folder, edit)


def mknod(name: str, kind: int, device: int = 0) -> Callable[[Path, Path], Any]:
    def craft(folder: Path, outside: Path) -> None:
        try:
            os.mknod(str(folder / name), kind | 0o644, device)
        except PermissionError:
            pytest.skip("this user may not create devices")
    return craft


def bind_socket(folder: Path, outside: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        before = os.getcwd()
        os.chdir(str(folder))  # the path of a socket is limited to about 100 bytes
        try:
            made.bind("socket")
        finally:
            os.chdir(before)


def many(folder: Path, outside: Path) -> None:
    (folder / "many").mkdir()
    for number in range(10_001):
        (folder / "many" / str(number)).touch()


def sparse(name: str, size: int = 30 * 10 ** 9) -> Callable[[Path, Path], Any]:
    def craft(folder: Path, outside: Path) -> None:
        with open(str(folder / name), "ab") as file:
            file.truncate(size)
    return craft


def deep(folder: Path, outside: Path) -> None:
    before = os.getcwd()
    os.chdir(str(folder))
    for _ in range(1500):
        os.mkdir("d")
        os.chdir("d")
    os.chdir(before)


def named(name: bytes, link: bool = False) -> Callable[[Path, Path], Any]:
    def craft(folder: Path, outside: Path) -> None:
        path = os.path.join(os.fsencode(str(folder)), name)
        if link:
            os.symlink(os.fsencode(str(outside / "secret")), path)
        else:
            os.mkfifo(path)
    return craft


def link(name: str, to: Callable[[Path], Any]) -> Callable[[Path, Path], Any]:
    return lambda folder, outside: (folder / name).symlink_to(to(outside))


CRAFTED: Dict[str, Tuple[Callable[[Path, Path], Any], bool, str]] = {
    # case → (change of a package, whether adopt must refuse it too, part of the message)
    "manifest: ..": (listing(lambda o: "../outside/secret"), False, "'../outside/secret', which is not a path inside"),
    "manifest: .. behind a name": (listing(lambda o: "assets/../../outside/secret"), False, "not a path inside"),
    "manifest: absolute": (listing(lambda o: str(o / "secret")), False, "not a path inside the folder"),
    "manifest: backslashes": (listing(lambda o: "..\\outside\\secret"), False, "not a path inside the folder"),
    "asset: ..": (asset(lambda o: "../../outside/secret"), True, "is not the name of a file in assets/"),
    "asset: .. in the collection": (asset(lambda o: "../../outside/secret", True), True, "is not the name of a file"),
    "asset: absolute": (asset(lambda o: str(o / "secret")), True, "is not the name of a file in assets/"),
    "asset: the folder itself": (asset(lambda o: ".."), True, "the asset '..' is not the name of a file"),
    "asset: not there": (asset(lambda o: "secret"), True, "assets/secret is missing"),
    "link to a file": (link("labels.txt", lambda o: o / "secret"), True, "labels.txt is a link"),
    "link to a folder": (link("assets", lambda o: o), True, "assets is a link"),
    "link to nothing": (link("labels.txt", lambda o: o / "nothing"), True, "labels.txt is a link"),
    "link to itself": (link("variables/again", lambda o: "."), True, "variables/again is a link"),
    "FIFO": (mknod("service.json", stat.S_IFIFO), True, "service.json is a device, a pipe or a socket"),
    "device": (mknod("labels.txt", stat.S_IFCHR, os.makedev(1, 3)), True, "labels.txt is a device, a pipe or a socket"),
    "socket": (bind_socket, True, "socket is a device, a pipe or a socket"),
    "10,001 files": (many, True, "more than 10,000 files"),
    "folders in folders": (deep, True, "d/d/d"),
    "30 GB": (sparse("notes.bin"), True, "30.0 GB; the platform accepts models of at most 20 GB"),
    "30 GB of model": (sparse("saved_model.pb"), True, "30.0 GB; the platform accepts models of at most 20 GB"),
    "2 GB of model, more than can be read": (sparse("saved_model.pb", 2 ** 31), True, "saved_model.pb has 2.1 GB"),
    "10^12 numbers": (constant(lambda meta: meta.graph_def.node), True, "node `bomb` needs 4,000 GB"),
    "10^12 numbers in a function": (
        constant(lambda meta: meta.graph_def.library.function.add().node_def), True, "node `bomb` needs 4,000 GB"),
    "10^12 numbers in a variable": (
        constant(lambda meta: meta.graph_def.node, "VarHandleOp"), True, "node `bomb` needs 4,000 GB"),
    "10^12 numbers in a default": (big_default, True, "temperature"),
    "a name that is no UTF-8": (named(b"a\xff"), True, "a\\udcff is a device, a pipe or a socket"),
    "a name of two lines": (named(b"a\nok: all is well", link=True), True, "a\\nok: all is well is a link"),
}


@pytest.fixture
def craft(tmp_path: Path, outside: Path) -> Any:
    """Make the package of a case; delete it afterwards, because pytest cannot delete all of them."""
    def make(case: str) -> Path:
        folder = deployed(export(tmp_path / "model"))
        CRAFTED[case][0](folder, outside)
        return folder
    yield make
    subprocess.run(["rm", "-rf", str(tmp_path / "model")], check=True)


UNSAFE_FILES = [case for case, (_, _, sentence) in CRAFTED.items() if any(part in sentence for part in (
    "is a link", "a pipe or a socket", "10,000 files", "d/d/d", "GB; the platform", "has 2.1 GB"))]


@pytest.mark.parametrize("case", CRAFTED)
def test_a_crafted_package_is_refused_by_check_with_a_sentence_and_nothing_outside_changes(
        tmp_path: Path, outside: Path, craft: Any, run: Callable[..., Outcome], case: str) -> None:
    folder, sentence = craft(case), CRAFTED[case][2]
    with crafted.untouched(outside):
        outcome = run("check", "--model", folder)
        assert outcome.code == 5 and outcome.err == ""
        lines = outcome.out.splitlines()
        assert any(line.startswith("fault: ") and sentence in line for line in lines), outcome.out
        assert all(line.startswith(("ok: ", "note: ", "fault: ")) for line in lines[:-1]), outcome.out
        as_json = run("check", "--model", folder, "--json")
        result = json.loads(as_json.out)
        assert as_json.code == 5 and not result["deployable"] and as_json.err == ""
        if case in UNSAFE_FILES:  # the check stops before it reads any file
            assert {finding["rule"] for finding in result["findings"]} == {"files"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "outside"]


@pytest.mark.parametrize("case", [case for case, (_, adopted, _) in CRAFTED.items() if adopted])
def test_a_crafted_model_is_refused_by_adopt_with_a_sentence_and_nothing_is_written(
        tmp_path: Path, outside: Path, craft: Any, run: Callable[..., Outcome], case: str) -> None:
    folder, sentence = craft(case), CRAFTED[case][2]
    with crafted.untouched(outside):
        for source in (folder, folder / "saved_model.pb"):
            outcome = run("adopt", "--source", source, "--output", tmp_path / "out")
            assert outcome.code == 5 and sentence in outcome.err, source
            assert outcome.err.startswith("error: ") and outcome.err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "outside"]


@pytest.mark.parametrize("name", ["variables/stolen", "variables/__pycache__/stolen"])
def test_a_link_copies_no_file_from_outside_into_a_package(
        tmp_path: Path, outside: Path, run: Callable[..., Outcome], name: str) -> None:
    folder = export(tmp_path / "model")
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).symlink_to(outside / "secret")
    for source in (folder, folder / "saved_model.pb"):
        run("adopt", "--source", source, "--output", tmp_path / "out", "--as_it_is", "--overwrite")
        assert not list((tmp_path / "out").rglob("stolen")), source


# L12, L13: the place of the package, and the modules that it can import

AS_NOBODY = """
import importlib.util, json, os, sys
spec = importlib.util.spec_from_file_location("host", sys.argv[1])
host = importlib.util.module_from_spec(spec)
spec.loader.exec_module(host)
sys.dont_write_bytecode = True
package, shims, user = sys.argv[2], sys.argv[3], int(sys.argv[4])
if user:
    host.Server(package, shims)  # imports TensorFlow, because the user nobody may not read root's Python
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
assert not os.access(package, os.W_OK) and not os.access(os.path.join(package, "variables"), os.W_OK)
print(json.dumps(host.Server(package, shims).post(b'{"text": "goal team score"}')))
"""


def test_a_read_only_package_of_another_user_in_a_path_with_blanks_and_chinese_is_served(tiny: Path) -> None:
    # Not in pytest's folder, which other users cannot read.
    top = Path("/tmp") / f"with blanks 与汉字 {random.randrange(10 ** 9)}"
    user = 65534 if os.getuid() == 0 else 0
    try:
        package = Path(shutil.copytree(str(tiny), str(top / "model")))
        for path in [*package.rglob("*"), package]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        with crafted.untouched(top):
            command = [sys.executable, "-W", "ignore", "-c", AS_NOBODY, *map(str, (HOST, package, SHIMS, user))]
            done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=os.path.sep)
        assert done.returncode == 0, done.stderr[-2000:]
        here = list(host.Server(str(tiny), str(SHIMS)).post(b'{"text": "goal team score"}'))
        assert json.loads(done.stdout.splitlines()[-1]) == here and here[0] == 200
    finally:
        for path in [top / "model", *(top / "model").rglob("*")]:
            path.chmod(0o755)
        shutil.rmtree(str(top))


SEEN = """
import importlib.util, sys
names = ["textjob", "models", "train", "infer", "tests", "numpy"]
print("SEEN", json.dumps([[name for name in names if importlib.util.find_spec(name)], sys.path]))
"""


def test_a_package_is_served_where_nothing_of_this_project_can_be_imported(package: Path, tiny: Path) -> None:
    with open(str(package / "customize_service.py"), "a", encoding="utf-8") as file:
        file.write(SEEN)
    command = [sys.executable, "-I", str(HOST), str(relisted(package)), str(SHIMS)]
    done = subprocess.run(command, input=b'{"text": "goal"}\n', capture_output=True, timeout=120, cwd=os.path.sep)
    log = done.stderr.decode("utf-8")
    assert done.returncode == 0, log[-2000:]
    importable, path = json.loads(next(line for line in log.splitlines() if line.startswith("SEEN"))[5:])
    assert importable == ["numpy"]
    own = [entry for entry in path if Path(entry).resolve() in (PROJECT, *PROJECT.iterdir())]
    assert [Path(entry) for entry in own] == [SHIMS] and str(package) in path and "" not in path
    status, reply, _ = json.loads(done.stdout.splitlines()[1])
    assert [status, reply] == list(host.Server(str(tiny), str(SHIMS)).post(b'{"text": "goal"}'))


# L14: grammar (tests/engines/test_job.py compiles the shipped files with Python 3.6 and 3.7)


def test_a_service_file_with_a_walrus_is_refused_by_check(package: Path) -> None:
    (package / "customize_service.py").write_text("if (x := 5):\n    pass\n", encoding="utf-8")
    (message,) = faults(check.run(relisted(package)))
    assert message.startswith("customize_service.py cannot be parsed by Python 3.6") and "line 1" in message
