"""What gunicorn serves: ``wsgi:application``."""

from app import create_app

application = create_app()
