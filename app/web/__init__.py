"""What every view shares; a view that uses it answers errors, refuses overload and logs as all the others do.

``blueprint``, ``schemas`` and ``errors`` make the contract, ``gate`` and ``request_body`` admit, ``root`` has the
registry, ``sending`` and ``ranges`` send bytes, ``respond_async`` long work, ``tracing`` the log; ``middlewares``
stand around it all.
"""
