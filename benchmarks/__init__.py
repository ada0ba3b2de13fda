"""Benchmarks: ``python -m benchmarks`` prints ratios measured in one run, with the targets of the project."""
