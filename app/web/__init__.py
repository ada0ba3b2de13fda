"""What every view shares; a view that uses it answers errors, refuses overload and logs as all the others do.

``blueprint``, ``schemas`` and ``errors`` make the contract, ``gate``, ``body_budget``, ``request_body`` and ``peer``
admit and wait, ``root`` has the registry, ``strict_json`` and ``next_page`` answer, ``sending`` and ``ranges`` send
bytes, ``respond_async`` long work, ``protecting`` and ``cors`` are for browsers, ``tracing`` is the log;
``middlewares`` stand around it all.
"""
