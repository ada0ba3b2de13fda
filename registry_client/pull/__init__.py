"""A version from a service into a directory, every byte proven."""
