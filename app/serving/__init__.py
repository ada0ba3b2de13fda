"""How gunicorn serves the application: a running call is never cut off, and a stopping worker takes no new one.

``gunicorn_conf`` are its settings, ``worker`` answers, ``heads`` gathers requests that are still coming, ``around``
is what stands around the application, ``refreshing`` keeps the catalogue true meanwhile.
"""
