"""What lies on this machine: files, and the cache of proven bytes."""
