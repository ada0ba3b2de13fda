"""The operator's verbs, over the whole root: check, sweep, migrate, adopt."""
