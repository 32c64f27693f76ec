"""Write small text classifiers as people write them who never heard of this project, one folder a kind.

    python foreign_models.py FOLDER [KIND ...]

With any TensorFlow from 1.15 to today's; kinds that it cannot write are named on stdout and left out. Each is made
by the real APIs, with aliases and tensor names of its own, and saved to FOLDER/KIND; FOLDER/KIND.json says what it
answers itself:

    inputs         texts or lists of ids (not padded), the empty text among the texts
    probabilities  a row an input, a column a class (each column on its own with sigmoid_many); null where the
                   model gives labels only, which "answers" has
    labels         the class names, where a file of them lies in the folder
    takes          "text", "ids" or "example" (serialized tf.Example, whose feature "feature" names)
    tensors        names of tensors, where no signature has them
    tables         whether lookup tables are part of the state
    step           of a checkpoint: its number, where there is an older one too
    texts, length  of ids: the texts that they stand for, by FOLDER/KIND.vocabulary.txt; how many the model
                   takes, filled up with 0, or null

Python 3.6 grammar. KINDS has the functions, each of the folder to write.
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
    for beside in (target + ".json", target + ".vocabulary.txt"):
        if os.path.exists(beside):
            os.remove(beside)


def main(folder, wanted):
    folder = os.path.abspath(folder)
    tf.io.gfile.makedirs(folder)
    for name in sorted(wanted or KINDS):
        target = os.path.join(folder, name)
        clear(target)
        try:
            KINDS[name](target)
        except AssertionError:
            raise
        except Exception as error:  # any: what an old TensorFlow lacks shows itself in many ways
            print("left out", name, type(error).__name__, " ".join(str(error).split())[:200])
            clear(target)


if __name__ == "__main__":
    tf.compat.v1.enable_eager_execution()  # for 1.15's modules; the classic kinds bring their graphs
    main(sys.argv[1], sys.argv[2:])
