"""The committed data file of the engines' ops and kernels, and the script that writes it."""
import gzip
import importlib.util
import json
import os

from textjob.engines import registry

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ALL = ["tf1.13-python3.6", "tf1.15-python3.7", "tf2.1-python3.7", "tf2.6-python3.7"]


def engine_ops():
    spec = importlib.util.spec_from_file_location("engine_ops", os.path.join(ROOT, "tools", "engine_ops.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def data():
    with gzip.open(registry.DATA, "rb") as source:
        return json.loads(source.read().decode("utf-8"))


def test_the_data_file_is_small_and_every_row_can_be_read():
    content = data()
    assert os.path.getsize(registry.DATA) < 200000
    assert [engine["name"] for engine in content["engines"]] == ALL
    everyone = (1 << len(ALL)) - 1
    for table in (content["ops"], content["kernels"]):
        for rows in table.values():
            masks = [row[0] for row in rows]
            assert sum(masks) == sum(masks) & everyone and len(set(masks)) == len(masks)
    for engine in registry.engines():
        for op in content["ops"]:
            assert engine.op(op) is None or all(row is not None for row in engine.kernels(op))


def test_the_data_file_contains_known_differences_of_the_engines():
    old, first, second, last = registry.engines()
    assert old.op("StringLower") is None and first.op("StringLower") and second.op("StringLower")
    assert not any(engine.op("DisableCopyOnRead") for engine in (old, first, second, last))
    assert [bool(engine.op("BlockLSTM")) for engine in (old, first, second, last)] == [True] * 4
    assert "allowed_devices" not in second.op("VarHandleOp").attrs
    assert "allowed_devices" in last.op("VarHandleOp").attrs
    assert first.op("Conv2D").attrs["padding"].allowed == ["EXPLICIT", "SAME", "VALID"]


def test_the_script_writes_the_same_bytes_twice_and_the_registry_reads_back_its_dump(tmp_path, monkeypatch):
    script = engine_ops()
    dump = script.dump()
    other = dict(dump, ops={"NoOp": dump["ops"]["NoOp"]}, kernels={})
    content = script.merge([("other", other), ("today", dump)])
    paths = [str(tmp_path / name) for name in ("a.json.gz", "b.json.gz")]
    for path in paths:
        script.write(content, path)
    with open(paths[0], "rb") as one, open(paths[1], "rb") as two:
        assert one.read() == two.read()
    monkeypatch.setattr(registry, "DATA", paths[0])
    empty, full = registry.engines.__wrapped__()
    assert empty.op("NoOp") and empty.op("MatMul") is None and empty.kernels("NoOp") == []
    for name, (attrs, inputs) in dump["ops"].items():
        op = full.op(name)
        assert op.inputs == inputs and set(op.attrs) == set(attrs)
        assert all(op.attrs[attr].kind == row[0] for attr, row in attrs.items())
        assert full.kernels(name) == dump["kernels"].get(name, [])
