"""A registry root on a filesystem: documents, logs and packages as files under locks."""
