"""The forms of exported models in public reports, and the right outcome of each (forms.py writes the models).

A way is a ``service.json`` beside the model and the outcome of loading it: ``right`` (the answers equal those of the
model itself) or ``refused`` (the load fails, and the message contains ``says``). The first way of a form is the model
alone; the further ways follow the advice of the refusal.
"""
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

RIGHT, REFUSED = "right", "refused"


class Way(NamedTuple):
    """A service.json, the outcome, and the aliases that the items leave out because service.json has their values."""

    options: Dict[str, Any]
    outcome: str
    says: str = ""
    without: Sequence[str] = ()


class Form(NamedTuple):
    """The public report of a form (a path of github.com), its ways, and the options with which it can be adopted."""

    report: str
    ways: List[Way]
    adopt: Optional[Dict[str, Any]] = None


def right(**options: Any) -> Way:
    return Way(options, RIGHT)


def refused(says: str, **options: Any) -> Way:
    return Way(options, REFUSED, says)


def given(*aliases: str, **options: Any) -> Way:
    """The items leave out these aliases, because service.json has their values."""
    return Way(options, RIGHT, without=aliases)


NOT_A_CLASSIFIER = refused("not a classifier")
IDS = {"vocabulary": "{kind}.vocabulary.txt", "tokenizer": "whitespace"}
FORMS: Dict[str, Form] = {
    # labels, alone or beside floats
    "label_confidence": Form("tensorflow/tensor2tensor/issues/878", [
        right(), right(output="label"), right(scores="confidence"), right(output="label", scores="confidence")]),
    "label_uncertainty": Form("tensorflow/tensor2tensor/issues/878", [right(), right(output="label")]),
    "topk_zipped": Form("tensorflow/serving/issues/953", [
        right(), right(output="classes"), right(output="classes", scores="scores")]),
    "topk_part": Form("tensorflow/serving/issues/751", [right()]),
    "topk_logits": Form("tensorflow/serving/issues/160", [right(), right(output="classes")]),
    "names_const": Form("tensorflow/serving/issues/449", [
        right(), right(scores="prediction"), refused("'output'", output="classes")], {}),
    "names_tiled": Form("tensorflow/models/issues/1811", [right()], {}),
    "attention_beside_label": Form("tensorflow/tensor2tensor/issues/878", [
        right(), refused("topic", output="attention"), refused("topic", scores="attention")]),
    "ids_logits": Form("gaussic/text-classification-cnn-rnn/issues/115", [
        right(), right(scores="softmax")], dict(IDS, output_tensor="output_score", scores="softmax")),
    "class_ids_only": Form("dennybritz/cnn-text-classification-tf/issues/33", [right()]),
    "estimator_binary": Form("GoogleCloudPlatform/cloudml-samples/pull/139", [
        right(), right(output="logistic"), right(output="logits"), right(output="probabilities"),
        right(output="classes", scores="probabilities")], {}),
    "estimator_many": Form("tensorflow/tensorflow/issues/13951", [right()], {}),
    "bert_labels": Form("google-research/bert/issues/473", [
        right(), given("label_ids", feeds={"label_ids": "zeros"})]),
    "function_label": Form("tensorflow/serving/issues/1512", [right()], {}),
    # floats alone
    "one_column_logits": Form("tensorflow/text/blob/master/docs/tutorials/classify_text_with_bert.ipynb", [
        refused("'scores'"), right(scores="sigmoid"), refused("softmax", scores="softmax")], {"scores": "sigmoid"}),
    "function_logits": Form("huggingface/transformers/issues/3246", [
        refused("'scores'"), right(scores="softmax")], dict(IDS, scores="softmax")),
    "log_probabilities": Form("google-research/bert/issues/765", [right()], {}),
    "named_logits": Form("keras-team/keras/issues/9061", [right()], {}),
    "multi_label": Form("tensorflow/serving/issues/582", [
        refused("'scores'"), right(scores="probabilities")], {"scores": "probabilities"}),
    "two_heads": Form("BrikerMan/Kashgari/issues/92", [
        refused("'output'"), right(output="topic")], {"output_tensor": "topic"}),
    "logits_beside_pooled": Form("huggingface/blog/pull/70", [
        right(), right(output="logits")], dict(IDS, output_tensor="logits")),
    "stars_regression": Form("google-research/bert/issues/160", [
        NOT_A_CLASSIFIER, refused("[0, 1]", scores="probabilities")]),
    "regression_squeezed": Form("google-research/bert/issues/74", [NOT_A_CLASSIFIER]),
    "tanh_sentiment": Form("keras-team/keras/issues/274", [
        NOT_A_CLASSIFIER, refused("[0, 1]", scores="probabilities")]),
    "embedding_normalised": Form("tensorflow/hub/issues/236", [
        NOT_A_CLASSIFIER, refused("[0, 1]", scores="probabilities")]),
    "embedding_tanh": Form("jina-ai/clip-as-service/issues/156", [NOT_A_CLASSIFIER]),
    "token_tags": Form("dmis-lab/biobert/issues/73", [refused("output")]),
    # several inputs per item, or other ones than texts and ids
    "bert_three": Form("google-research/bert/issues/473", [right()]),
    "bert_defaults": Form("google-research/bert/issues/146", [
        right(), given("input_mask", "segment_ids", feeds={"input_mask": "ones", "segment_ids": "zeros"})]),
    "transformers_three": Form("huggingface/transformers/pull/9419", [right()]),
    "two_texts": Form("tensorflow/tensorflow/issues/27662", [right(), refused("body", feeds={"body": "a text"})]),
    "lengths": Form("mead-ml/mead-baseline/pull/327", [
        right(), given("lengths", feeds={"lengths": "length"})]),
    "tokens_length": Form("OpenNMT/OpenNMT-tf/issues/347", [refused("input")]),
    "float_ids": Form("BrikerMan/Kashgari/pull/103", [refused("float[-1, 8]")], IDS),
    "word_vectors": Form("tensorflow/serving/issues/689", [refused("input")]),
    "ragged": Form("tensorflow/tensorflow/issues/37226", [refused("input")]),
    "scalar_text": Form("google-research/bert/issues/146", [
        refused("input"), refused("input", feeds={"input_text": "a text"})]),
    "batch_of_one": Form("nghuyong/bert-classification-tf-serving/pull/2", [right()], IDS),
    "batch_of_four": Form("MaybeShewill-CV/CRNN_Tensorflow/issues/424", [right()]),
    "learning_phase": Form("keras-team/keras/pull/8965", [
        refused("'feeds'"), right(feeds={"keras_learning_phase": False})], {"feeds": {"keras_learning_phase": False}}),
    "keep_prob_vector": Form("triton-inference-server/server/issues/326", [
        refused("'feeds'"), right(feeds={"keep_prob": [1.0]})]),
    "temperature": Form("triton-inference-server/server/issues/326", [
        refused("'feeds'"), right(feeds={"temperature": 2.0})], {"feeds": {"temperature": 2.0}}),
    # variants
    "label_threshold": Form("tensorflow/tensor2tensor/issues/878", [right()]),
    "top_one": Form("tensorflow/serving/issues/751", [right()]),
    "top_ids": Form("tensorflow/serving/issues/689", [right()]),
    "ratings_as_classes": Form("google-research/bert/issues/160", [right()]),
    "two_labels": Form("BrikerMan/Kashgari/issues/92", [refused("'output'"), right(output="topic")]),
    "label_logit": Form("tensorflow/serving/issues/160", [right(), right(output="label")]),
    "attention_fixed": Form("tensorflow/tensor2tensor/issues/878", [
        right(), right(output="topic"), refused("attention", scores="attention")]),
    "text_and_category": Form("tensorflow/tensorflow/issues/27662", [right()]),
    "text_and_number": Form("tensorflow/tensorflow/issues/27662", [right()]),
    "names_asset": Form("tensorflow/serving/issues/55", [right()]),
    "names_beside_top": Form("tensorflow/serving/issues/449", [right()]),
    "thousand_classes": Form("tensorflow/serving/issues/985", [right()], {}),
    "double_precision": Form("tensorflow/serving/issues/985", [right()], {}),
    "function_column": Form("tensorflow/tfx/issues/1434", [right(), right(scores="probabilities")], {}),
    "function_column_logits": Form("tensorflow/tfx/issues/1434", [
        refused("'scores'"), right(scores="sigmoid")], {"scores": "sigmoid"}),
    "function_softmax_logits": Form("huggingface/transformers/issues/3246", [right()], {}),
    # to be adopted
    "estimator_text": Form("tensorflow/hub/issues/82", [right()], {}),
    "estimator_words": Form("tensorflow/transform/issues/15", [refused("infer.py adopt")], {"tokenizer": "whitespace"}),
    "example_column": Form("tensorflow/tfx/issues/1434", [refused("infer.py adopt")], {}),
    "h5_lstm": Form("keras-team/keras/issues/20750", [], dict(IDS, source="{kind}/model.h5")),
    "h5_gru": Form("keras-team/keras/issues/20750", [], dict(IDS, source="{kind}/model.h5")),
    "h5_bidirectional": Form("keras-team/keras/issues/20750", [], dict(IDS, source="{kind}/model.h5")),
}


# --- answers of a service -------------------------------------------------------------------------------------

def difference(answered: Dict[str, Any], expected: Dict[str, Any]) -> str:
    """How an answer differs from the model's own; "" if it is right.

    A part of the scores is right, if each is the model's own and the score of the label is among them.
    """
    if "error" in answered:
        return f"error {answered['error']}"
    if expected is None:
        return f"the model is not a classifier, but the answer is {answered}"
    if answered["predicted_label"] != expected["label"]:
        return f"label {answered['predicted_label']!r}, expected {expected['label']!r}"
    scores = expected["scores"]
    if scores is None:
        return f"score {answered['score']}, expected no score" if "score" in answered else ""
    pairs = [[answered["predicted_label"], answered.get("score")], *answered.get("scores", [])]
    for label, score in pairs:
        if label not in scores or score is None or abs(score - scores[label]) > 1e-5:
            return f"score {score} of {label!r}, expected {scores.get(label)}"
    return ""


def outcome(result: Dict[str, Any], expected: List[Dict[str, Any]]) -> str:
    """``right``, ``refused``, or the first difference.

    The result (tests/engines/drive.py forms) has the ``error`` of the load, or the ``answers`` to all items in one
    request, followed by those to each item alone.
    """
    if "error" in result:
        return REFUSED if result["class"] == "LoadError" else f"{result['class']}: {result['error']}"
    if len(result["answers"]) != 2 * len(expected):
        return f"{len(result['answers'])} answers for {len(expected)} items: {result.get('raised')}"
    return next(filter(None, map(difference, result["answers"], expected * 2)), RIGHT)
