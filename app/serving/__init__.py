"""How gunicorn serves the application: a running call is never cut off, and a stopping worker takes no new one."""
