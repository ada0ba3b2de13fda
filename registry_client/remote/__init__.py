"""The verbs over HTTP, with the core's names, values and errors; what may be repeated is repeated.

``transport`` sends over a ``connection``, ``bodies``, ``answers`` and ``problems`` read, ``calls`` makes a method of a
verb, ``versions``, ``governing``, ``running`` and ``listing`` are the methods, ``pages`` reads lists that go on,
``operations`` and ``event_stream`` wait.
"""
