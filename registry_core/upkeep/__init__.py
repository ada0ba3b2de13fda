"""The operator's verbs, over the whole root: they report, and what they mend is what the journal says.

``check`` compares and writes nothing, ``planted`` is what it finds that the registry never made; ``sweep`` finishes and
removes what nobody names; ``migrate`` copies, proven; ``adopt`` takes older software's versions over; ``repair`` mends
what it is told to, and records it; ``training_runs`` is what copying and sweeping do with runs.
"""
