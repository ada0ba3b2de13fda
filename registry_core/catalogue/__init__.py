"""A disposable index over the whole registry: it can be deleted at any time, and answers as if it never had been.

``catalogue`` keeps it true and asks it; ``database`` is its file, ``rows`` and ``one_model`` bring one model up to
date, ``queries`` and ``search_words`` are the questions, ``pages`` the answers, ``event_stream`` the order of events,
``announcements`` what replicas tell each other, ``place`` and ``present`` where it is and what is to be in it.
"""
