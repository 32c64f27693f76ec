"""Requests per second of the three APIs of infer.py serve, in one run: POST /, TensorFlow Serving's REST, and its gRPC.

    python benchmarks/serving_apis.py --model out/cnn/model --seconds 5 --rounds 3

Each request has one short text. The clients are closed loops of 64 connections (gRPC: 64 simultaneous calls on 4
channels) in this process; every label is compared with that of the service. The rounds alternate, the figures are
medians. The gRPC client needs `pip install --no-deps tensorflow-serving-api`; it is pure Python and shares the cores
with the server, so its figure is a lower limit.
"""
import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Coroutine, Dict, List

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from serving_load import Texts, closed_loop

from textjob.paths import PROJECT, SHIMS
from textjob.serving import host
from textjob.tables import markdown_table

CONNECTIONS, CHANNELS = 64, 4
TEXTS = [f"{subject} {verb} {number} {thing}" for subject in ("the striker", "the bank", "a new phone")
         for verb in ("scored", "lost", "shipped") for number in range(5) for thing in ("goals", "millions", "cameras")]
PREDICT = "/v1/models/serve:predict"

Measure = Callable[[], Coroutine[Any, Any, List[float]]]
"""Requests per second and wrong answers of one API."""


async def by_grpc(address: str, labels: List[str], seconds: float) -> List[float]:
    """Requests per second and wrong answers of 64 simultaneous calls."""
    import grpc.aio
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    requests = []
    for text in TEXTS:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "serve"
        request.inputs["input_x"].CopyFrom(tf.make_tensor_proto([text]))
        requests.append(request)
    channels = [grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])
                for _ in range(CHANNELS)]
    stubs = [prediction_service_pb2_grpc.PredictionServiceStub(channel) for channel in channels]
    await asyncio.gather(*(stub.Predict(requests[0]) for stub in stubs))
    end, counts = time.perf_counter() + seconds, [0, 0]

    async def client(number: int) -> None:
        while time.perf_counter() < end:
            counts[0] += 1
            text = (counts[0] * 7 + number) % len(TEXTS)
            response = await stubs[number % CHANNELS].Predict(requests[text])
            counts[1] += response.outputs["label"].string_val[0].decode() != labels[text]

    await asyncio.gather(*map(client, range(CONNECTIONS)))
    for channel in channels:
        await channel.close()
    return [counts[0] / seconds, counts[1]]


def by_http(texts: Texts, port: int, seconds: float) -> Measure:
    async def run() -> List[float]:
        outcome = await closed_loop(texts, port, CONNECTIONS, seconds)
        return [len(outcome.answers) / outcome.seconds, outcome.wrong]
    return run


def label_of(body: Any) -> Dict[str, Any]:
    return {"predicted_label": body["predictions"][0]["label"]}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--model", required=True, help="a package")
    arguments.add_argument("--seconds", type=float, default=5, help="of each measurement")
    arguments.add_argument("--rounds", type=int, default=3)
    args = arguments.parse_args()
    command = [sys.executable, str(PROJECT / "infer.py"), "serve", "--model", args.model, "--port", "0",
               "--grpc_port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        lines = [process.stdout.readline().strip() for _ in range(2)]
        port, address = int(lines[0].rpartition(":")[2]), lines[1].rpartition(" ")[2]
        answers = host.Server(args.model, str(SHIMS)).request({"req_data": TEXTS})[1]["resp_data"]
        only_labels = [{"predicted_label": each["predicted_label"]} for each in answers]
        rest = Texts(TEXTS, only_labels, PREDICT, lambda text: {"instances": [text]}, label_of)
        labels = [each["predicted_label"] for each in answers]
        sides: Dict[str, Measure] = {
            "POST /": by_http(Texts(TEXTS, answers), port, args.seconds),
            f"POST {PREDICT}": by_http(rest, port, args.seconds),
            "gRPC Predict": lambda: by_grpc(address, labels, args.seconds)}
        figures: Dict[str, List[List[float]]] = {name: [] for name in sides}
        for _ in range(args.rounds):
            for name, run in sides.items():
                figures[name].append(asyncio.run(run()))
    finally:
        process.terminate()
        process.communicate()
    first = statistics.median(each[0] for each in figures["POST /"])
    print(markdown_table(["API", "requests/s", "of POST /", "wrong answers"], [
        [name, f"{statistics.median(each[0] for each in runs):,.0f}",
         f"{statistics.median(each[0] for each in runs) / first:.2f}", str(int(sum(each[1] for each in runs)))]
        for name, runs in figures.items()]))
    print(json.dumps({"rounds": figures}))


if __name__ == "__main__":
    main()
