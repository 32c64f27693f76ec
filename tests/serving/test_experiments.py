"""Experiments: a share of the requests for a version, and a shadow."""
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, List

import pytest
from made_versions import Base, foreign, label_of, served, wait_for_polls
from processes import Server, Start, wait_until

from textjob.errors import UsageError
from textjob.paths import PROJECT
from textjob.serving import experiment
from textjob.serving.shadow import WAITING

IDS = [f"request {number}" for number in range(300)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """A model base with versions 1 and 2."""
    base = Base(tmp_path_factory.mktemp("experiment"))
    base.add(1)
    base.add(2, classes=3)
    return base


@pytest.fixture(scope="module")
def server(base: Base, start: Start) -> Server:
    """A server that sends 30 % of the requests to version 2."""
    server = base.start(start, "--split", "2=30").ready()
    wait_until(lambda: server.metric('textjob_version_state{state="AVAILABLE",version="2"}'))
    wait_until(lambda: "2" in {served(server, X_Request_Id=each) for each in IDS[:50]})
    return server


def test_a_split_sends_its_share_and_an_id_always_to_the_same_version(base: Base, server: Server) -> None:
    versions = {each: served(server, X_Request_Id=each) for each in IDS}
    share = Counter(versions.values())["2"] / len(IDS)
    assert 0.2 < share < 0.4  # 30 % within four standard deviations
    assert versions == {each: served(server, X_Request_Id=each) for each in IDS}
    assert versions == {each: "2" if experiment.position(each.encode()) < 30 else "1" for each in IDS}
    assert {served(server) for _ in range(100)} == {"1", "2"}  # each request has another id


def test_the_file_replaces_the_flags_while_it_exists_and_an_error_in_it_is_logged_once(base: Base, server: Server
                                                                                       ) -> None:
    def shares() -> List[str]:
        return [served(server, X_Request_Id=each) for each in IDS[:100]]

    def errors() -> List[str]:
        return [message for message in server.messages("ERROR") if message.startswith("experiment.yaml")]

    of_flags = shares()
    base.experiment("split: {2: 100}\n")
    wait_until(lambda: set(shares()) == {"2"})
    base.experiment("split: {2: 101}\n")
    wait_until(lambda: len(errors()) == 1)
    wait_for_polls(base, server, 3)
    assert len(errors()) == 1 and "101 is not a percentage" in errors()[0]
    assert set(shares()) == {"2"}
    base.experiment("split: {7: 100}\n")
    wait_until(lambda: any("the experiment names version 7, which cannot be served" in message
                           for message in server.messages("WARNING")))
    assert set(shares()) == {"2"}  # the newest version, which takes no part
    (base.folder / "experiment.yaml").unlink()
    wait_until(lambda: shares() == of_flags)


def test_the_shadow_answers_the_same_items_unseen_and_its_differences_are_counted(base: Base, server: Server) -> None:
    base.experiment("shadow: 2\n")
    wait_until(lambda: "experiment: version 2 answers in the shadow" in server.messages())
    wait_until(lambda: server.metric('textjob_model_loaded{name="serve",version="1"}') and {
        served(server, X_Request_Id=each) for each in IDS[:20]} == {"1"})
    items, requests = 'textjob_shadow_items_total{served="1",version="2"}', 'textjob_shadow_seconds_count{version="2"}'
    for _ in range(10):
        response, content = server.send("POST", "/", {"req_data": ["a text", "another", 5]})
        assert response.status == 200 and response.headers["X-Model-Version"] == "1"
        assert label_of(1).encode() in content and label_of(2).encode() not in content
    # The shadow works in order, and each earlier request had one item: these ten alone have two more.
    wait_until(lambda: server.metric(items) == server.metric(requests) + 20)
    answered = server.metric(items)
    differences = server.metric('textjob_shadow_disagreements_total{served="1",version="2"}')
    assert differences == answered - 10  # the label of each text, but not the error of the number
    assert server.metric(f'textjob_labels_total{{label="{label_of(2)}",version="2"}}') > 0
    count = server.metric(f'textjob_experiment_labels_total{{label="{label_of(2)}",role="shadow",version="2"}}')
    assert count == server.metric(f'textjob_experiment_labels_total{{label="{label_of(1)}",role="served",version="1"}}')
    done = subprocess.run([sys.executable, str(PROJECT / "infer.py"), "compare", "--metrics",
                           f"127.0.0.1:{server.port}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"gives another label for {differences:,.0f} of {answered:,.0f} items" in done.stdout
    assert "version 2 gives the labels in other shares than version 1 (chi-square = " in done.stdout
    assert "significant at 5 %" in done.stdout


def test_a_shadow_that_hangs_delays_no_response_and_its_work_is_dropped(start: Start, tmp_path: Path) -> None:
    base, gate = Base(tmp_path), tmp_path / "gate"
    base.add(1, foreign)
    base.add(2, foreign, gate=str(gate))
    server = base.start(start, "--shadow", "2", "--time_limit", "600").ready()
    wait_until(lambda: server.metric('textjob_version_state{state="AVAILABLE",version="2"}'))
    dropped, items = 'textjob_shadow_dropped_total{version="2"}', 'textjob_shadow_items_total{served="1",version="2"}'
    for _ in range(WAITING + 50):
        assert served(server) == "1"
    assert server.metric(dropped) == 50 and server.metric(items) == 0
    gate.touch()
    wait_until(lambda: server.metric(items) == WAITING)
    assert server.end() == 0


@pytest.mark.parametrize("splits, shadow, words", [
    (["3"], None, "--split 3: '' is not a percentage"), (["3=0"], None, "'0' is not a percentage"),
    (["x=5"], None, "'x' is not the number of a version"), (["-3=5"], None, "'-3' is not the number"),
    (["3=nan"], None, "'nan' is not a percentage"), (["3=60", "4=50"], None, "add up to 110"),
    (["3=10", "3=20"], None, "version 3 has two percentages"), (["3=10"], 3, "in the split and in the shadow"),
    ([], -1, "--shadow -1")], ids=str)
def test_wrong_flags_of_an_experiment_are_refused(splits: Any, shadow: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        experiment.of_flags(splits, shadow)


@pytest.mark.parametrize("text, words", [
    ("split: [3]", "expected version numbers"), ("5", "expected the keys"), ("spilt: {3: 1}", "did you mean 'split'"),
    ("split: {3: true}", "True is not a percentage"), ("shadow: true", "'True' is not the number"),
    ("split: {3: {", "not YAML"), ("split: {x: 3}", "'x' is not the number"), ("shadow: 1.5", "'1.5' is not"),
    ("split: {3: 5}\nshadow: 3", "in the split and in the shadow")], ids=ascii)
def test_a_wrong_file_is_refused_with_a_sentence(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        experiment.of_file(text)


def test_a_file_may_be_empty_or_set_one_of_both() -> None:
    assert experiment.of_file("") == experiment.of_file("split:\nshadow:\n") == experiment.NONE
    assert experiment.of_file("shadow: 4") == experiment.Experiment((), 4)
    assert experiment.of_file('split: {"4": "2.5", 3: 10}') == experiment.Experiment(((3, 10.0), (4, 2.5)), None)
