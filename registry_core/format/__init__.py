"""The registry's format: from bytes to values and back. Pure; the storage is somebody else's."""
