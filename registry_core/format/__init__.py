"""The format on disk, from bytes to values and back: whatever is written can be read, by this and every later release.

Pure; the storage is somebody else's. ``layout`` has every key, ``events`` every kind of event, ``chain`` the lines
of a journal, ``manifest`` the proof of a package, ``metadata`` its description, ``encoding`` how JSON, digests and
moments are written, ``exact_json`` and ``strict`` how documents that people write are read, ``commit_ids`` the Hub's
names, ``runs`` what a training run is kept as, ``tar`` many files as one stream; ``older`` reads what older software
left, and nothing of it is ever written again.
"""
