"""The names by which a column (or a key of JSON) is known as the label or as the text."""
from typing import List, Sequence

LABEL_NAMES = frozenset(
    {"label", "labels", "class", "category", "target", "tag", "intent", "sentiment", "polarity", "topic"}
    | {"标签", "类别", "分类", "类目", "情感"}
)
TEXT_NAMES = frozenset(
    {"text", "texts", "content", "sentence", "review", "title", "headline", "question", "query"}
    | {"utterance", "document", "comment", "message", "body", "text_a", "sentence1"}
    | {"文本", "内容", "正文", "句子", "标题", "评论", "问题"}
)
ID_NAMES = frozenset({"id", "index", "key", "no", "number", "guid", "uid", "qid", "idx", "编号", "序号"})


def normalised(cells: Sequence[str]) -> List[str]:
    """Names as they are compared: without blanks at the ends, in lower case."""
    return [cell.strip().lower() for cell in cells]


def has_names(cells: Sequence[str]) -> bool:
    """Whether a row names a label or a text."""
    return any(name in LABEL_NAMES or name in TEXT_NAMES for name in normalised(cells))
