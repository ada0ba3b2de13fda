"""``ModelRegistry``: the verbs' face, one module a family. It decides nothing: it finds the model and calls the verb.

``beginning`` opens a root or makes one, ``opening`` is what all verbs of an opened one share; ``access`` gives it to a
principal, for whom each verb asks the ``door``, and ``owning`` says whose models are. ``ahead`` is what verbs import
when they are first called. The families:

``registry``    registers and reads
``governing``   changes
``running``     logs to training runs
``looking``     looks back
``listing``     asks over all models
``proving``     gives raw lines, and what outsiders hold the log to
``publishing``  begins the log and publishes its checkpoints
``happened``    tells of events and metrics
``maintaining`` is the operator's
``uploads``     are theirs, and so are ``operations``; ``expiry`` sweeps both, and sessions of browsers
``ruling``      sets trust and policies
``attesting``   says who vouches for a version, and what was found wrong with it
``facts``       tells what files are
``observing``   names who looks at each package that is registered
``gating``      tells what a version needs before an alias names it; ``policies`` hands those that judge to the verbs
"""
