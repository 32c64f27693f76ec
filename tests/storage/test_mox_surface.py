"""The names, arguments, exceptions and import forms that scripts rely on."""
import inspect
import pickle
from typing import Any

import pytest

SIGNATURES = {
    "read": "url, client_id=None, binary=False",
    "write": "url, data, binary=False",
    "append": "url, data, binary=False",
    "append_remote": "src_url, dst_url",
    "exists": "url",
    "is_directory": "url",
    "list_directory": "url, recursive=False, remove_sep=True, skip_file=False, skip_dir=False",
    "glob": "url",
    "walk": "url, topdown=True, onerror=None, followlinks=False",
    "scan_dir": "url",
    "stat": "url",
    "get_size": "url, recursive=False",
    "make_dirs": "url",
    "mk_dir": "url",
    "copy": "src_url, dst_url, client_id=None",
    "copy_parallel": "src_url, dst_url, file_list=None, threads=16, is_processing=True, use_queue=True",
    "remove": "url, recursive=False",
    "rename": "src_url, dst_url",
    "shift": "origin, target",
    "copy_manifest": "url, dst",
    "background_sync_copy": "src, dst, seconds=120",
}
AUTH = ["ak", "sk", "server", "port", "is_secure", "ssl_verify", "long_conn_mode", "path_style", "retry", "retry_wait",
        "client_timeout", "list_max_keys"]


@pytest.mark.parametrize("name", sorted(SIGNATURES))
def test_each_function_has_the_platforms_arguments(mox: Any, name: str) -> None:
    parameters = inspect.signature(getattr(mox.file, name)).parameters.values()
    assert ", ".join(parameter.name + ("" if parameter.default is parameter.empty else f"={parameter.default}")
                     for parameter in parameters) == SIGNATURES[name]


def test_set_auth_has_the_platforms_keywords_and_none_keeps_a_value(mox: Any) -> None:
    from moxing._shim import settings

    parameters = inspect.signature(mox.file.set_auth).parameters
    assert list(parameters)[:len(AUTH)] == AUTH
    assert {"obs_client_log", "timeout_config", "negotiation"} <= set(parameters)
    assert {parameter.default for parameter in parameters.values()} == {None}
    mox.file.set_auth(ak="a", sk="b", obs_client_log=False, timeout_config={"getObject": 10}, negotiation=True)
    mox.file.set_auth(ak=None, retry=3)
    assert settings._auth["ak"] == "a" and settings.patience().attempts == 3


def test_all_import_forms_of_scripts_work() -> None:
    import moxing
    import moxing as mx
    import moxing.mxnet
    import moxing.pytorch
    import moxing.tensorflow as mox
    from moxing.framework import file
    from moxing.framework.file import file_io
    from moxing.framework.util import runtime

    assert mox.file is moxing.file is mx.file is file is moxing.mxnet.file is moxing.pytorch.file
    assert file.file_io is file_io and callable(runtime.reset_logger)
    assert all(callable(getattr(file_io, name)) for name in SIGNATURES if name != "shift")


def test_the_exceptions_have_the_platforms_names_and_are_os_errors(mox: Any) -> None:
    from moxing._shim import errors
    from moxing.framework.file import file_io

    names = ["MoxFileNameDuplicateException", "MoxFileNotExistsException", "MoxFileReadException",
             "MoxFileRespException"]
    for name in names:
        assert getattr(mox.file, name) is getattr(file_io, name) and issubclass(getattr(mox.file, name), OSError)
    for name in names[2:]:
        assert issubclass(getattr(mox.file, name), file_io._MoxFileBaseRespException)
        error = getattr(mox.file, name)("the response", "no", "bucket")
        assert error.resp == "the response" and str(error) == "no bucket"
    for kind in (errors.StorageMissing, errors.StorageDenied):
        copied = pickle.loads(pickle.dumps(kind(errors.Resp(403, "x", "y"), "why")))
        assert (type(copied), copied.resp.errorCode, str(copied)) == (kind, "x", "why")


def test_values_that_scripts_assign_to_file_io_are_used(mox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from moxing._shim import settings
    from moxing.framework.file import file_io

    monkeypatch.setenv("MOX_FILE_LARGE_FILE_TASK_NUM", "7")
    assert settings.parts_at_once() == 7 and settings.part_size() == 10 << 20
    for name, value in (("_NUMBER_OF_PROCESSES", 1), ("_LARGE_FILE_METHOD", 2), ("_LARGE_FILE_TASK_NUM", 5),
                        ("NUMBER_OF_PROCESSES", 10)):
        monkeypatch.setattr(file_io, name, value, raising=False)
    assert settings.parts_at_once() == 5
