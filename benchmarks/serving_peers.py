"""The same package behind other servers; benchmarks/serve.py starts them, with the package in ``PACKAGE``.

    gunicorn --threads 8 serving_peers:flask_app()
    uvicorn --factory serving_peers:fastapi_app
    uvicorn --factory serving_peers:mlflow_app

They call the model once per request. ``serving_litserve.py`` has LitServe, whose classes must not be local ones.
"""
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from textjob import process
from textjob.paths import SHIMS
from textjob.serving import host


def load() -> host.Server:
    """The life cycle of the package that the environment names."""
    process.without_keras()
    process.import_tensorflow()
    return host.Server(os.environ["PACKAGE"], str(SHIMS))


def flask_app() -> Any:
    """A WSGI application."""
    from flask import Flask, request

    server, app = load(), Flask("peer")

    @app.post("/")
    def predict() -> Any:
        status, text = server.respond(request.get_json())
        return text, status, {"Content-Type": "application/json"}

    return app


def fastapi_app() -> Any:
    """An ASGI application; its route runs in FastAPI's threads."""
    from fastapi import Body, FastAPI, Response

    server, app = load(), FastAPI()

    @app.post("/")
    def predict(data: Any = Body()) -> Response:  # noqa: B008
        status, text = server.respond(data)
        return Response(text, status, media_type="application/json")

    return app


def mlflow_app() -> Any:
    """MLflow's scoring server, ``POST /invocations``, with a ``pyfunc`` around the package."""
    import mlflow.pyfunc
    from mlflow.pyfunc import scoring_server

    class Package(mlflow.pyfunc.PythonModel):  # type: ignore[misc, name-defined, unused-ignore]
        def load_context(self, context: Any) -> None:
            self.service = load().service

        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            return self.service.inference({"instances": [str(text) for text in model_input]})["predictions"]

    with tempfile.TemporaryDirectory() as folder:
        mlflow.pyfunc.save_model(f"{folder}/model", python_model=Package(), pip_requirements=[])
        return scoring_server.init(mlflow.pyfunc.load_model(f"{folder}/model"))
