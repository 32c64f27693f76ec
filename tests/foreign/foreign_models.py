"""Writes small foreign text classifiers, as users of TensorFlow's tutorials and Keras write them, one folder per kind.

    python foreign_models.py FOLDER [KIND ...]

It runs with any TensorFlow from 1.15 to today's; kinds that it cannot write are named on stdout and left out. Each kind
has its own aliases and tensor names and is saved to FOLDER/KIND; FOLDER/KIND.json contains its own predictions:

    inputs         texts, including the empty text, or lists of ids (not padded)
    probabilities  one row per input, one column per class (independent columns for sigmoid_many); null if the model
                   gives labels only, which are in "answers"
    labels         the class names, if a file in the folder contains them
    takes          "text", "ids" or "example" (serialized tf.Example, whose feature is in "feature")
    tensors        the names of tensors, if no signature contains them
    tables         whether lookup tables are part of the state
    step           of a checkpoint: its number, if an older checkpoint exists
    texts, length  of ids: the texts for FOLDER/KIND.vocabulary.txt; the number of ids that the model takes, padded
                   with 0, or null

Python 3.6 grammar. KINDS maps each kind to the function that writes it into a folder.
"""
import os
import sys

import foreign_checkpoints
import foreign_classic
import foreign_objects
import tensorflow as tf

KINDS = dict(foreign_classic.KINDS, **foreign_checkpoints.KINDS)
KINDS.update(foreign_objects.KINDS)


def clear(target):
    if os.path.exists(target):
        tf.io.gfile.rmtree(target)
    for file in (target + ".json", target + ".vocabulary.txt"):
        if os.path.exists(file):
            os.remove(file)


def main(folder, wanted, kinds=KINDS):
    folder = os.path.abspath(folder)
    tf.io.gfile.makedirs(folder)
    for name in sorted(wanted or kinds):
        target = os.path.join(folder, name)
        clear(target)
        try:
            kinds[name](target)
        except AssertionError:
            raise
        except Exception as error:  # a missing API raises many classes of errors
            print("left out", name, type(error).__name__, " ".join(str(error).split())[:200])
            clear(target)


if __name__ == "__main__":
    tf.compat.v1.enable_eager_execution()  # for the modules of 1.15; the classic kinds have graphs of their own
    main(sys.argv[1], sys.argv[2:])
