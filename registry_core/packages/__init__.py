"""The bytes of a version: every one is hashed as it is taken in, and proven before it is called good.

In: ``intake`` plans, ``sources`` and ``hash_stream`` copy and hash in one pass, ``parallel`` several at once, and
``kept_files`` proves what the storage has already; ``observed`` is the door for whoever looks at a package meanwhile,
and ``reading_facts`` such a one: it has ``facts`` say what each file is.
Out: ``contents``, ``stored_files``, ``archive`` and ``snapshots``, all without ``strays``. Between: ``verify``. Beside
them what a package and its training run say of themselves: ``stated_metrics`` and ``provenance``; and ``text_diff``,
how a file of two of them differs.
"""
