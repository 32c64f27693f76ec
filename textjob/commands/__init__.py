"""The commands of ``infer.py``, one module each: ``add_flags`` adds its flags, ``run`` returns the exit code.

Only the module of the command that runs is imported, so that ``--help`` and mistakes are answered at once.
"""
