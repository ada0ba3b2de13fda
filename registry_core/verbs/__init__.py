"""What may be asked of one model: the changes, each by one event, and the reads."""
