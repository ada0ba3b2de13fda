"""Who may do what: principals, rules, roles and tokens. Every decision is a pure function on values.

``principal`` is who calls, ``roles`` what can be done, ``patterns`` how a rule names models.
"""
