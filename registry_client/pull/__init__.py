"""A version from a service into a directory: every byte proven, the directory whole or not there, resumable."""
