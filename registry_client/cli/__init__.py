"""The command ``omr``: parse, call one verb, print. The same words, answers and errors as everywhere else.

``main`` has the commands that read and register, ``governing``, ``running``, ``looking``, ``happened``, ``listing``,
``transferring``, ``maintaining``, ``repairing``, ``access``, ``rules`` and ``signing_in`` the others, each imported
``main`` has the commands that read and register, ``governing``, ``running``, ``facts``, ``looking``, ``happened``,
``listing``, ``transferring``, ``maintaining``, ``repairing``, ``access`` and ``signing_in`` the others, each imported
when it is called; ``command`` is what they share, ``metadata`` what some are given, ``output`` what is printed.
``transferring``, ``vouching``, ``maintaining``, ``repairing``, ``access``, ``rules`` and ``signing_in`` the others, each
imported when it is called; ``command`` is what they share, ``metadata`` and ``keys`` what some are given, ``output``
what is printed.
"""
