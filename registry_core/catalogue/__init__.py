"""A disposable index over the whole registry: it can be deleted at any time, and answers as if it never had been.

``catalogue`` asks it, ``keeping`` keeps it true; ``database`` is its file, and ``schema`` what is in it.
``one_model`` brings one model up to date: ``reading`` is what it takes from the registry, ``shown`` what of an event,
``rows`` and ``summary`` what it writes, ``values`` what the two tell each other. ``building`` makes it from nothing:
``crew`` and ``worker`` are who reads models then, ``whole_model`` what they read; ``unbuilt`` is what can be told
before it is there.
``queries``, ``model_queries``, ``event_queries`` and ``search_words`` are the questions, ``pages``, ``model_list``,
``version_list``, ``happened``, ``measured``, ``alias_moves`` and ``descent`` the answers; ``event_stream`` is the
order of events, ``announcements`` what replicas tell each other, ``place`` and ``present`` where it is and what is to
be in it.
"""
