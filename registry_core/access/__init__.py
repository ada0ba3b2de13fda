"""Who may do what: principals, rules, roles and tokens. Every decision is a pure function on values.

``principal`` is who calls, ``roles`` what can be done, ``who`` how a rule names callers,
``ownership`` whose a model is, ``document`` the rules as they are written, ``decisions`` what follows from them.
``tokens`` are the registry's own, ``sessions`` those of browsers. ``in_force`` reads what holds now, ``held`` keeps it
in memory, and ``governing`` changes it, by events.
"""
