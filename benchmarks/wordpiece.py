"""WordPiece in the graph beside the reference tokenizer: equal ids, and milliseconds per 1,000 texts.

    python benchmarks/wordpiece.py --vocabulary vocab.txt --data_url mr/ chnsenticorp/ ...     (needs tokenizers)

Each --data_url is read as by a job; its texts are divided into batches of 1,000. Both sides give ids, mask and
segments of 128 columns. They run in turns in this process, in random order; medians over the batches, with the
quartiles of the ratio.
The reference has all cores (its own threads), TensorFlow too. Texts with a literal special token are left out.
"""
import argparse
import random
import statistics
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import tensorflow as tf
from tokenizers import BertWordPieceTokenizer

from textjob.adopt import AdoptOptions
from textjob.adopt.bert import BertPreprocessing
from textjob.adopt.roles import ROLES
from textjob.data.dataset import read_dataset

v1 = tf.compat.v1
LENGTH, BATCH = 128, 1000
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def graph_side(vocabulary: str, lower: bool) -> Callable[[List[bytes]], Any]:
    """Batch → ids, mask and segments by the graph of ``infer.py adopt``."""
    preprocessing = BertPreprocessing(AdoptOptions(
        "", "", vocabulary=vocabulary, tokenizer="wordpiece", lower=str(lower).lower(), length=LENGTH))
    with tf.Graph().as_default():
        texts = v1.placeholder(tf.string, [None])
        rows = preprocessing.inputs(texts, Path(vocabulary))
        session = v1.Session()
        session.run(v1.tables_initializer())
    run = session.make_callable(rows, [texts])
    return lambda batch: run(np.array(batch, object))


def reference_side(vocabulary: str, lower: bool) -> Callable[[List[str]], Any]:
    """Batch → encodings of the reference."""
    reference = BertWordPieceTokenizer(vocabulary, lowercase=lower)
    reference.enable_truncation(LENGTH)
    reference.enable_padding(length=LENGTH)
    encode: Callable[[List[str]], Any] = reference.encode_batch
    return encode


def timed(run: Callable[[], Any]) -> Tuple[float, Any]:
    """Milliseconds, and the result."""
    start = time.perf_counter()
    result = run()
    return 1000 * (time.perf_counter() - start), result


def compare(texts: List[str], graph: Any, reference: Any) -> Dict[str, Any]:
    """The figures of one set of texts."""
    times: Dict[str, List[float]] = {"graph": [], "reference": []}
    different = compared = tokens = 0
    for first in range(0, len(texts) - BATCH + 1, BATCH):
        batch = texts[first:first + BATCH]
        encoded = [text.encode("utf-8") for text in batch]
        sides = {"graph": lambda encoded=encoded: graph(encoded), "reference": lambda batch=batch: reference(batch)}
        results = {}
        for name in random.sample(sorted(sides), 2):
            milliseconds, results[name] = timed(sides[name])
            times[name].append(milliseconds)
        rows, compared = results["graph"], compared + len(batch)
        tokens += int(rows["mask"].sum())
        expected = [(each.ids, each.attention_mask, each.type_ids) for each in results["reference"]]
        different += sum(a != b for a, b in zip(zip(*(rows[role].tolist() for role in ROLES)), expected))
    ratios = [b / a for a, b in zip(times["graph"], times["reference"])]
    single = [timed(lambda text=text: graph([text.encode("utf-8")]))[0] for text in texts[:200]]
    quartiles = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    return {"texts": compared, "tokens": tokens / compared, "differences": different,
            "graph": statistics.median(times["graph"]), "reference": statistics.median(times["reference"]),
            "ratio": statistics.median(ratios), "low": quartiles[0], "high": quartiles[2],
            "single": statistics.median(single)}


def main() -> None:
    """Print one row of a Markdown table per data set."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--vocabulary", required=True)
    parser.add_argument("--data_url", required=True, nargs="+")
    parser.add_argument("--lower", choices=["true", "false"], default="true")
    args = parser.parse_args()
    sides = [side(args.vocabulary, args.lower == "true") for side in (graph_side, reference_side)]
    print("| data | texts | tokens per text | differences | graph, ms per 1,000 | reference, ms per 1,000 | ratio "
          "| graph, ms for one text |\n|---|---|---|---|---|---|---|---|")
    for url in args.data_url:
        dataset = read_dataset(url)
        texts = [text for part in (dataset.train, dataset.dev, dataset.test) for text in part.texts
                 if not any(token in text for token in SPECIAL)]
        texts *= -(-3 * BATCH // len(texts))
        compare(texts[:BATCH], *sides)
        row = compare(texts, *sides)
        ratio = f"{row['ratio']:.2f} ({row['low']:.2f}-{row['high']:.2f})"
        print(f"| {Path(url).name} | {row['texts']:,} | {row['tokens']:.1f} | {row['differences']} "
              f"| {row['graph']:.1f} | {row['reference']:.1f} | {ratio} | {row['single']:.2f} |", flush=True)


if __name__ == "__main__":
    main()
