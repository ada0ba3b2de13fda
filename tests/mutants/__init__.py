"""Small mistakes that the tests of the core must notice; ``python -m tests.mutants`` says which they do not.

A mutant is a replacement of one text in one module of ``registry_core``: ``models/changes.toml`` holds those of
``registry_core/models/changes.py``, each under a name that says what it breaks. They are replacements and not patches,
because these carry lines around them and line numbers, and so stop applying when something beside them changes. A
replacement stops only when what it breaks has gone or stands there twice; then it is an error that says so.
"""
