"""The registry's command line, ``omr``."""
