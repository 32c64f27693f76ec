"""Writes small text classifiers in the forms of public reports (forms_table.py), one folder per form.

    python forms.py FOLDER [FORM ...]

It runs with any TensorFlow from 1.15 to today's; forms that it cannot write are named on stdout and left out. Each form
is saved to FOLDER/FORM; FOLDER/FORM.json contains

    items    texts, or {alias: value} for models of several inputs or of ids
    answers  one per item, read from the model's own outputs by plain TensorFlow: "label" and "scores" (label to
             score, or null if the model has no scores); null if the model is not a classifier
    texts    the texts that FOLDER/FORM.vocabulary.txt converts to the items, or null

Python 3.6 grammar. KINDS maps each form to the function that writes it into a folder.
"""
import sys

import foreign_models
import forms_functions
import forms_inputs
import forms_labels
import forms_scores
import forms_sources
import forms_variants
import tensorflow as tf

KINDS = dict(forms_labels.KINDS, **forms_scores.KINDS)
KINDS.update(forms_inputs.KINDS)
KINDS.update(forms_sources.KINDS)
KINDS.update(forms_functions.KINDS)
KINDS.update(forms_variants.KINDS)

if __name__ == "__main__":
    tf.compat.v1.enable_eager_execution()
    foreign_models.main(sys.argv[1], sys.argv[2:], KINDS)
