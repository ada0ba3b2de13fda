"""The command ``omr``: parse, call one verb, print. The same words, answers and errors as everywhere else."""
