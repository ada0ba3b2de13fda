"""A version from a service into a directory: every byte proven, the directory whole or not there, resumable.

``pulling`` is the whole of it: ``lookup`` finds the version, ``remote_package`` what it consists of, ``room`` whether
that fits; ``download`` and ``archive`` fetch it, ``destination`` is where it goes.
"""
