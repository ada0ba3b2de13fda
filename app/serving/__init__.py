"""How gunicorn serves the application, and what a worker does beside answering."""
