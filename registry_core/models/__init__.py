"""One model's truth: an event in its journal is the change, and every document follows it, whatever crashes when.

``changes`` is the only way to change anything, on a subject (whoever has a ``journal``); ``model`` is one subject,
``all_models`` finds each, and ``registry_journal`` is the registry itself; ``proven`` is what that one says,
``named_documents`` what it names. ``aliases``, ``states``, ``annotation``, ``tombstones``, ``ownership``,
``package_manifest``, ``package_moves``, ``used_keys``, ``vouching`` and ``projections`` are what follows, as
``following`` says; ``owners`` tells whose it is, ``timeline``, ``as_of`` and ``spans`` say what was true, ``proof``
that nothing was rewritten, ``evidence`` that its end is not lost, and ``lost_end`` goes on where it is. ``told`` reads
documents, and falls back on the journal; ``due`` finds those that are to be written anew. ``gate`` and ``visible`` are
doors for those who judge and those who hide; ``asking`` is for what goes on for long. ``runs`` stand beside all that,
and follow no event. ``older`` is what came before us, and ``missing`` what is said where no version has a name.
"""
