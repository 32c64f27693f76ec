"""Synthetic labelled texts in three classes that are linearly separable, for the dry run and the tests."""
import random
from pathlib import Path

TOPICS = {
    "food": "soup bread rice noodles dinner cook sweet salty kitchen 好吃 米饭",
    "sport": "match goal team player score win league coach ball 比赛 球队",
    "体育 news": "stadium crowd ticket 体育 新闻 记者 赛场 观众",
}
COMMON = "the a of in today very it is was and this that one more 的 是 在".split()  # noqa: SIM905


def write_rows(path: Path, rows: int, seed: int) -> Path:
    """Write a TSV file with one label and one text per line; returns its path."""
    rng = random.Random(seed)
    lines = []
    for i in range(rows):
        label = sorted(TOPICS)[i % len(TOPICS)]
        words = rng.choices(TOPICS[label].split(), k=rng.randint(1, 4)) + rng.choices(COMMON, k=rng.randint(0, 12))
        rng.shuffle(words)
        lines.append(f"{label}\t{' '.join(words)} {i}\n")
    path.write_text("".join(lines), encoding="utf-8")
    return path
