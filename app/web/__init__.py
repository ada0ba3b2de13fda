"""What every view shares; a view that uses it answers errors, refuses overload and logs as all the others do.

A request goes through ``base_path``, ``tracing`` and ``protecting``; ``parsing`` reads it, ``gate`` admits it,
``root`` has the registry, ``identity`` knows who calls, and ``answers`` is what is said. ``blueprint`` and ``schemas``
put views together at the start, which are ``described`` once; ``errors`` are the answers of all that fails.
``request_body`` and ``peer`` wait for bytes, ``sending``, ``ranges`` and ``disposition`` send them, ``next_page`` and
``respond_async`` are for what is long; ``front_matter`` is what a README.md says
of its model; ``cors`` and ``openapi`` are for browsers; ``stopping`` says when to end. Tokens
of others are told apart by ``issued_tokens``: those of ``issuers`` by their ``keys``, and ``platform_tokens`` by asking
their service; ``fetching`` is how both ask. What each route needs of its callers stands in ``needs``. Browsers have
``sessions``, begun on ``pages`` or at a provider by the ``code_flow``; ``seals`` keep what was pasted, and ``refusals``
are what they are refused with.
"""
