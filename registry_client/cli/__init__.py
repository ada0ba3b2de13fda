"""The command ``omr``: parse, call one verb, print."""
