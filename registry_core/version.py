"""The one place that says which version of the software this is."""

__version__ = "1.0.0"
