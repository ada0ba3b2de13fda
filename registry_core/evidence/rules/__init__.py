"""Whose keys count and what a version needs, as people write it down; and what holds, as the registry's journal has it.

``trust_document``  which keys, principals and actors are whose, and when a key counted
``policy_document`` what a version needs before an alias may name it; ``policy_grammar`` reads it
``rulebook``        which of them hold, or held, as the registry's own journal says; ``ruling`` changes that
"""
