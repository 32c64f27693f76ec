"""The clients of benchmarks/serve.py check every answer and count the latency from the intended time."""
import asyncio
import json
from typing import Any, Callable, Coroutine, List

import pytest

from textjob.paths import PROJECT

TEXTS = ["right", "wrong", "busy"]
ANSWER = {"predicted_label": "a", "score": 0.75, "scores": [["a", 0.75], ["b", 0.25]]}


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(PROJECT / "benchmarks"))
    import serving_load

    return serving_load


def run(client: Callable[[int], Coroutine[Any, Any, Any]], answers_after: int = 1) -> Any:
    """The outcome of a client of a server that sends its responses when it has a number of requests."""
    waiting: List[Any] = []
    connections: List[Any] = []

    async def serve(reader: Any, writer: Any) -> None:
        connections.append(asyncio.current_task())
        try:
            while True:
                header = await reader.readuntil(b"\r\n\r\n")
                body = await reader.readexactly(int(header.split(b"Content-Length: ")[1].split()[0]))
                waiting.append((writer, json.loads(body)["text"]))
                if len(waiting) >= answers_after:
                    while waiting:
                        respond(*waiting.pop())
        except asyncio.IncompleteReadError:  # the client has closed the connection
            writer.close()
            await writer.wait_closed()

    def respond(writer: Any, text: str) -> None:
        score = 0.75 if text == "right" else 0.74
        body = json.dumps(dict(ANSWER, scores=[["a", score], ["b", 0.25]])).encode()
        status = b"503 Service Unavailable" if text == "busy" else b"200 OK"
        writer.write(b"HTTP/1.1 " + status + f"\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)

    async def main() -> Any:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        outcome = await client(server.sockets[0].getsockname()[1])
        await asyncio.gather(*connections)
        server.close()
        return outcome

    return asyncio.run(main())


@pytest.mark.parametrize("text", TEXTS)
def test_the_closed_loop_distinguishes_right_answers_wrong_answers_and_rejections(load: Any, text: str) -> None:
    texts = load.Texts([text], [ANSWER])
    outcome = run(lambda port: load.closed_loop(texts, port, 3, requests=30))
    counts = {"right": len(outcome.answers), "wrong": outcome.wrong, "busy": len(outcome.rejections)}
    assert counts == dict(dict.fromkeys(TEXTS, 0), **{text: 30})


def test_the_open_loop_sends_at_its_rate_and_counts_the_time_since_the_intended_time(load: Any) -> None:
    texts = load.Texts(["right"], [ANSWER])
    outcome = run(lambda port: load.open_loop(texts, port, rate=500, seconds=0.2), answers_after=100)
    assert (len(outcome.answers), outcome.wrong, outcome.rejections) == (100, 0, [])
    assert max(outcome.answers) >= 99 / 500  # the first request waits until the last one is sent


def test_answers_agree_within_the_rounding_of_a_batch_only(load: Any) -> None:
    rounded = dict(ANSWER, score=0.750001, scores=[["a", 0.750001], ["b", 0.25]])
    other = dict(ANSWER, scores=[["b", 0.75], ["a", 0.25]])
    assert load.same(ANSWER, rounded) and load.same([ANSWER], [rounded])
    for wrong in (other, {"error": {}}, [], [ANSWER, ANSWER]):
        assert not load.same([wrong], [ANSWER])
        assert not load.same(wrong, ANSWER)
