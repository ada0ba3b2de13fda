"""A registry root in this process's memory: the simulator that tests run against.

``root`` is the root, with its ``documents``, ``packages`` and ``uploads``; ``state`` is what they hold.
"""
