"""The transparency log: one Merkle tree over the lines of all journals, so that whoever kept a note can prove a change.

``tree``        the Merkle tree over all lines, and its proofs
``signed_note`` checkpoints as outsiders keep them, signed
``checkpoints`` what events say of the log, each held against those before
``index``       what is kept of the log so that nobody reads it anew
``log``         the log itself: all journals as the checkpoints cover them
``key``         its private key, and the last note that was signed
``publishing``  how lines come to be covered, and the note is made
``proofs``      what a service gives of it, in the tree of the newest note
``extension``   whether a log goes on from a note that was kept; ``outsider`` reads all of it anew
``export``      all that takes, in a directory
``checking``    what is wrong with the log and its note, for whoever keeps it
"""
