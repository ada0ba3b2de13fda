"""Long work that nobody waits for: a document says how far it is and what came of it, also when its process dies.

``running`` has the operations of a root, ``processes`` says which process is at work and whether it lives.
"""
