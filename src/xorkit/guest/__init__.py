"""The learner's side of the sandbox: the fork server and what becomes of its children.

Apart from `xorkit.sandbox`, the grader's side, because every learner's process inherits whatever
is imported here, and nothing of the grader's should be among it.
"""
