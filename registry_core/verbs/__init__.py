"""What may be asked of one model. A change is one event or none; a read writes nothing.

``registration``, ``promotion``, ``annotating`` and ``deletion`` change: each looks, decides, and leaves the rest to
``models.changes``; ``promotion`` has the rules that every move of an alias keeps, and ``old_versions`` removes what a
bucket keeps of what ``deletion`` has purged. ``resolution``, ``history`` and
``comparison`` read, and so does ``admission``, which says what a registration would meet. ``running`` logs
to training runs, which are no part of the journal, and tells of them.
"""
