"""Packages that arrive over a network: what arrived stays until it is registered, cancelled or expires.

``sessions`` are the verbs, ``pouring`` and ``running_hashes`` hash bytes on their way, ``claimed_session`` is a session
as the source of one registration, ``stored_bytes`` says what need not be sent; ``rules`` and ``values`` serve all.
"""
