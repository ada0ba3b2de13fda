"""A disposable index over the whole registry: lists, searches, and the stream of events."""
