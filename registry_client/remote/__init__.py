"""The verbs over HTTP, with the core's names, values and errors; what may be repeated is repeated.

``transport`` sends over a ``connection``, ``credentials`` say who calls, ``bodies``, ``answers`` and ``problems`` read,
``calls`` makes a method of a verb, ``pages`` reads lists that go on, ``operations`` and ``event_stream`` wait.

The methods:
    ``versions``, ``governing``, ``running``, ``looking``, ``listing``, ``access``
    ``rules``
    ``facts``
    ``log``
    ``attestations``
"""
