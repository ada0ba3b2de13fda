"""A directory to a service, as a new version."""
