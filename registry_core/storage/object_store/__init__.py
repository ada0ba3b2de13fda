"""A registry root on an object store: one conditional PUT is lock, check and commit."""
