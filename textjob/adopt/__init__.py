"""Rewrites a foreign model with the signature of a package, so that serving does not depend on its tensor names.

The steps, one module each:

1. :mod:`sources` (and :mod:`keras_files`): any source becomes a SavedModel with a signature;
2. :mod:`unsupported_inputs`: forms of inputs that no package can have are refused;
   :mod:`token_inputs` and :mod:`source_model`: the SavedModel is loaded, and its inputs, scores and classes are
   determined as in the service;
3. :mod:`preprocessing` and :mod:`bert`: text becomes ids, where the source takes ids (:mod:`roles`);
4. :mod:`rewrite`: the graph is frozen and saved under the signatures of a package;
5. :mod:`adoption`: runs the steps, compares the predictions with those of the source, and writes the package.

Importing this package does not import TensorFlow.
"""
from pathlib import Path
from typing import List, Tuple

from textjob.adopt.options import TOKENIZERS, AdoptOptions

__all__ = ["TOKENIZERS", "AdoptOptions", "adopt"]


def adopt(options: AdoptOptions) -> Tuple[Path, List[str]]:
    """Make a package of a foreign model; return its folder, and notes for the user.

    Raises:
        JobError: the model cannot be adopted, with the reason and the remedy.
    """
    from textjob.adopt import adoption  # imports TensorFlow
    return adoption.adopt(options)
