"""gunicorn's settings: `gunicorn --config deploy/gunicorn.conf.py wsgi:application`."""

from app.serving.gunicorn_conf import *  # noqa: F403
