"""``ModelRegistry``: the verbs' face, one module a family. It decides nothing: it finds the model and calls the verb.

``beginning`` opens a root or makes one, ``opening`` is what all verbs of an opened one share; ``access`` gives it to a
principal, for whom each verb asks the ``door``, and ``owning`` says whose models are. ``registry`` registers and reads,
``governing`` changes, ``running`` logs, ``looking`` looks back, ``listing`` asks over all models, ``happened`` tells of
events and metrics, ``maintaining`` is the operator's, ``ruling`` sets trust and policies, ``uploads`` and
``operations`` are theirs; ``expiry`` sweeps both, and sessions of browsers. ``ahead`` is what verbs import when they
are first called.
"""
