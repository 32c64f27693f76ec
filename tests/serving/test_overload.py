"""More requests than the server can answer, and requests that end early (docs/faults.md: C1, C3, C4)."""
import contextlib
import json
import resource
import select
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPResponse
from pathlib import Path
from typing import Any, Dict, List

import pytest
from echo_server import ECHO, GOOD, Blocked, is_answered, waiting
from processes import Server, Start, is_closed, read_response, resident, wait_until


def test_work_over_the_time_limit_is_504_and_its_slot_is_free_for_the_next_request(
        echo_package: Path, start: Start, tmp_path: Path) -> None:
    server = start(echo_package, "--time_limit", "2", "--threads", "1").ready()
    with Blocked(server, tmp_path).wait() as blocked:
        status, body = read_response(blocked.connection)
        assert (status, json.loads(body)["error"]["code"]) == (504, "timeout")
        wait_until(lambda: is_answered(server))  # the only thread was replaced; the call still runs
        assert not blocked.gate.exists()
    wait_until(lambda: is_answered(server))


def test_a_full_queue_is_503_with_retry_after_and_health_stays_good(limited: Server, tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        calls = [stack.enter_context(Blocked(limited, tmp_path, str(number))) for number in range(3)]
        wait_until(lambda: waiting(limited) == 3)
        response, body = limited.send("POST", "/", {"a": 1})
        assert (response.status, json.loads(body)["error"]["code"]) == (503, "overloaded")
        assert int(response.headers["Retry-After"]) >= 1
        assert limited.send("GET", "/health")[0].status == 200
        for call in calls:
            call.release()
        assert [read_response(call.connection)[0] for call in calls] == [200, 200, 200]
    assert is_answered(limited)


def test_a_rejected_request_leaves_its_connection_usable_also_if_its_body_arrives_later(
        limited: Server, tmp_path: Path) -> None:
    head, body = GOOD.split(b"\r\n\r\n")
    with contextlib.ExitStack() as stack:
        calls = [stack.enter_context(Blocked(limited, tmp_path, str(number))) for number in range(3)]
        wait_until(lambda: waiting(limited) == 3)
        kept, closed = (stack.enter_context(limited.connect()) for _ in range(2))
        kept.sendall(head + b"\r\n\r\n")
        closed.sendall(head + b"\r\nConnection: close\r\n\r\n")
        assert [read_response(each)[0] for each in (kept, closed)] == [503, 503]
        for call in calls:
            call.release()
        assert [read_response(call.connection)[0] for call in calls] == [200, 200, 200]
        kept.sendall(body + GOOD)
        assert read_response(kept) == (200, json.dumps(ECHO).encode())
        closed.sendall(body)
        assert is_closed(closed)


def test_a_request_whose_client_has_gone_is_not_passed_to_the_service(limited: Server, tmp_path: Path) -> None:
    with Blocked(limited, tmp_path, "running").wait() as running:
        with Blocked(limited, tmp_path, "queued") as queued:
            wait_until(lambda: waiting(limited) == 2)
        wait_until(lambda: waiting(limited) == 1)
        running.release()
        assert read_response(running.connection)[0] == 200
    assert is_answered(limited) and not queued.started.exists()


def test_ten_thousand_clients_that_hang_up_leave_nothing_behind(limited: Server) -> None:
    assert is_answered(limited)
    before = limited.descriptors()
    for number in range(10000):
        with limited.connect() as client:
            client.sendall(GOOD[:1 + number % len(GOOD)])
    wait_until(lambda: limited.descriptors() <= before)
    assert is_answered(limited)
    wait_until(lambda: waiting(limited) == 0)


def test_requests_whose_bodies_do_not_arrive_occupy_no_place_in_the_queue(limited: Server) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(limited.connect()).sendall(GOOD[:-1])
        assert is_answered(limited)


def test_each_of_ten_thousand_connections_gets_an_answer_or_a_503(echo_package: Path, start: Start) -> None:
    count = 10000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + 500:
        pytest.skip(f"a process may have {hard} open files only")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    server = start(echo_package, "--arrival_limit", "600").ready()
    assert is_answered(server)
    statuses: Dict[int, int] = {}
    clients: List[Any] = []
    memory = resident(server)
    try:
        for _ in range(count):
            clients.append(server.connect())
        wait_until(lambda: server.descriptors() > count)
        senders = [threading.Thread(target=send_all, args=(clients[part::8],)) for part in range(8)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        for client in clients:
            status, _ = read_response(client)
            statuses[status] = statuses.get(status, 0) + 1
        grown = resident(server) - memory
    finally:
        for client in clients:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert set(statuses) <= {200, 503} and statuses[200] > 0, statuses
    assert grown < 300 << 20
    assert is_answered(server)


def send_all(clients: List[socket.socket]) -> None:
    for client in clients:
        client.sendall(GOOD)


@pytest.mark.parametrize("round_", [1, 2])
def test_an_overload_of_five_times_is_rejected_before_any_answer_and_what_is_accepted_is_answered(
        round_: int, limited: Server, tmp_path: Path) -> None:
    """The service is blocked meanwhile, so that no rejection can wait for it."""
    capacity = 3  # the queue of this server
    with contextlib.ExitStack() as stack:
        calls = [stack.enter_context(Blocked(limited, tmp_path, str(number))) for number in range(5 * capacity)]
        sockets = {call.connection: call for call in calls}
        wait_until(lambda: len(select.select(list(sockets), [], [], 0)[0]) == 4 * capacity)
        rejected = [sockets[each] for each in select.select(list(sockets), [], [], 0)[0]]
        for call in rejected:
            reply = HTTPResponse(call.connection)
            reply.begin()
            assert reply.status == 503 and int(reply.headers["Retry-After"]) >= 1
        accepted = [call for call in calls if call not in rejected]
        for call in calls:
            call.release()
        assert [read_response(call.connection)[0] for call in accepted] == [200] * capacity
        assert not any(call.started.exists() for call in rejected)
    assert is_answered(limited)


def test_under_overload_the_model_computes_no_item_that_is_not_answered(own_package: Path, start: Start) -> None:
    server = start(own_package, "--queue_limit", "8").ready()

    def send(_: int) -> List[int]:
        return [server.send("POST", "/", {"text": "goal team"})[0].status for _ in range(40)]

    with ThreadPoolExecutor(40) as pool:
        statuses = [status for each in pool.map(send, range(40)) for status in each]
    assert set(statuses) <= {200, 503}
    assert server.metric('textjob_batch_items_sum{version="1"}') == statuses.count(200) > 0
    assert server.metric('textjob_requests_total{path="/",status="503",version="1"}') == statuses.count(503)
    assert server.post({"text": "goal team"})[0] == 200
