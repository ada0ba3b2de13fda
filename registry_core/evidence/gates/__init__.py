"""What stands between a version and an alias: a verdict, which is a pure function of what was seen.

``gate``         is asked before an alias moves: it judges what was seen by the policy in force
``seen``         all that a verdict may depend on; ``looking`` reads it
``judging``      whether a version meets a requirement; ``requirements`` has each kind of them
``overriding``   breaks the glass
``asking``       only tells what the gate would say; ``trying`` what it would by a policy that does not hold yet
``unasked``      tells moves of aliases that no gate was asked of, though one stood there then
``unjudged``     tells check of aliases that no gate has let pass
``recomputing``  every verdict of a journal, come to again
"""
