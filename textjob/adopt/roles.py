"""The inputs of a source that takes token ids, and what each of them receives.

=============  ====================================================  ==========================================
role           rule for the alias of an int input ``[batch, n]``     value per token of a text
=============  ====================================================  ==========================================
``mask``       contains ``mask``                                     1; padding: 0
``segments``   contains ``segment`` or ``type``                      1 in the second text of a pair, else 0
``ids``        the only other one, or the only one with ``ids``      the id of the token
=============  ====================================================  ==========================================
"""
from typing import Any, Dict, List

import customize_service as service
from textjob.adopt.options import AdoptOptions
from textjob.errors import UsageError

IDS, MASK, SEGMENTS = "ids", "mask", "segments"
ROLES = (IDS, MASK, SEGMENTS)

Row = Dict[str, List[int]]  # role → the values of one text

_PARTS = {MASK: ("mask",), SEGMENTS: ("segment", "type")}


def roles_of(inputs: Any, options: AdoptOptions) -> Dict[str, str]:
    """Role → alias, for the inputs of a signature that receive values for each token of a text.

    ``{}`` if at most one input has the dtype and the shape of ids, so that no rule is needed.

    Raises:
        UsageError: several inputs fit one role.
    """
    infos = {alias: info for alias, info in inputs.items() if alias not in options.feeds}
    aliases = service.matching(infos, r"int\[-?\d+, -?\d+\]|int\[\?\]")
    if len(aliases) < 2:
        return {}
    fitting = {role: [alias for alias in aliases if any(part in alias.lower() for part in parts)]
               for role, parts in _PARTS.items()}
    rest = [alias for alias in aliases if not any(alias in each for each in fitting.values())]
    named = [alias for alias in rest if alias == options.input_tensor]
    fitting[IDS] = named or [alias for alias in rest if len(rest) == 1 or "ids" in alias.lower()]
    roles = {role: each[0] for role, each in fitting.items() if each}
    unclear = {role: each for role, each in fitting.items() if len(each) > 1 or (role == IDS and not each)}
    if unclear or sorted(roles.values()) != aliases:
        raise UsageError(
            f"the source has the inputs {', '.join(aliases)}, whose meaning is not clear: one must be the ids of the "
            "tokens, one with 'mask' in its name can be the mask, one with 'segment' or 'type' the segments. Name that "
            "of the ids with --input_tensor, and give the others a value with --feed NAME=VALUE or export the model "
            "without them")
    return roles
