"""The same package behind Flask and FastAPI, with one call of the model per request; benchmarks/serve.py starts them.

    PACKAGE=out/cnn/model gunicorn --threads 8 serving_peers:flask_app()
    PACKAGE=out/cnn/model uvicorn --factory serving_peers:fastapi_app
"""
import os
import sys
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
