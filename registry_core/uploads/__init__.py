"""Packages that arrive over a network: what arrived stays until it is registered, cancelled or expires.

``sessions`` are the verbs, ``announcement`` is what was said beforehand, ``stored_bytes`` says what of it need not be
sent. ``pouring`` and ``running_hashes`` hash bytes on their way, ``packing`` those of many files in one tar;
``claimed_session`` is a session as the source of one registration, ``expiring`` clears old ones away,
``under_way`` lists those that there are; ``rules`` and ``values`` serve all.
"""
