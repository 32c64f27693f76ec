"""A service that was not made by this project: the answer to an item is its text, as JSON."""
import json
import time

from model_service.tfserving_model_service import TfServingBaseService


class MirrorService(TfServingBaseService):
    def __init__(self, model_name, model_path):
        self.model_name = model_name

    def _preprocess(self, data):
        return [item["text"] for item in data["data"]["req_data"]]

    def _inference(self, data):
        if data == ["slow"]:
            time.sleep(30)
        return [json.loads(text) for text in data]

    def _postprocess(self, data):
        return {"data": {"resp_data": data}}
