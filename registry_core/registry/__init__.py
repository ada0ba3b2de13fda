"""``ModelRegistry``: the verbs' face, one module a family."""
