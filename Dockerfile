# Two stages: the first builds a virtual environment, the second has only that and the
# gunicorn settings, so that no build tool, pip cache or source tree is in the image.
#
#   docker build -t omnibioai-model-registry .
ARG PYTHON_IMAGE=python:3.11-slim

# ---- build -----------------------------------------------------------------------------
# The same image in both stages: a virtual environment is tied to its interpreter's path.
FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
WORKDIR /src

# Dependencies before the source: an edit of the code does not install them again.
COPY requirements.txt ./
RUN /opt/venv/bin/pip install -r requirements.txt

# .dockerignore lets only what the package is made of through. A wheel, not an editable
# install, so that the image holds what `pip install` gives anyone; --no-deps, because
# requirements.txt has decided the versions and `pip check` proves that they suffice.
COPY . .
RUN pip wheel --no-deps --wheel-dir /wheels . \
 && /opt/venv/bin/pip install --no-deps /wheels/*.whl \
 && /opt/venv/bin/pip check
# A wheel that lacks a module fails here, not at the first start. Away from the source,
# which would be imported in its place.
WORKDIR /
RUN /opt/venv/bin/python -c "import registry_core, app, registry_client, wsgi" \
 && /opt/venv/bin/omr --help > /dev/null

# ---- runtime ---------------------------------------------------------------------------
FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="omnibioai-model-registry" \
      org.opencontainers.image.description="Registry of trained models: immutable versions, aliases, an append-only journal"

# Any --user works: such a user has no home and may write only to the mounts and /tmp.
# World-writable mount points, so that a mount that is forgotten is not a crash; a mount
# that is not writable is named by /health/ready. They are made before VOLUME, which
# would discard later changes; a new named volume takes over owner and mode from here.
RUN mkdir -p /data/model_registry /shared \
 && chown 1000:1000 /data/model_registry /shared \
 && chmod 0777 /data/model_registry /shared

COPY --from=build /opt/venv /opt/venv
# --chmod: a checkout made under a strict umask must be readable here all the same.
COPY --chmod=0644 deploy/gunicorn.conf.py /app/deploy/gunicorn.conf.py

# Bytecode was compiled in the first stage and could not be written here. gunicorn keeps
# its control socket below HOME; its heartbeat files are in /dev/shm (app/serving/gunicorn_conf.py).
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    OMNIBIOAI_MODEL_REGISTRY_HOST=0.0.0.0 \
    OMNIBIOAI_MODEL_REGISTRY_ROOT=/data/model_registry \
    OMNIBIOAI_MODEL_REGISTRY_ARTIFACTS_ALLOWED_ROOTS=/shared

# Not "/": gunicorn puts the working directory on the import path, where the directory
# /app would stand beside the package of that name.
WORKDIR /app
USER 1000:1000
VOLUME ["/data/model_registry", "/shared"]
EXPOSE 8095

# Liveness only: a registry whose mount is missing is to be looked at, not restarted.
# http.client takes no proxy from the environment.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=4 \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('OMNIBIOAI_MODEL_REGISTRY_PORT') or 8095), timeout=4); c.request('GET', '/health'); sys.exit(c.getresponse().status != 200)"]

# gunicorn is process 1 and gets TERM itself; it then finishes the running requests, so
# `docker stop` needs a --timeout that lets it (deploy/README.md).
STOPSIGNAL SIGTERM
CMD ["gunicorn", "--config", "/app/deploy/gunicorn.conf.py", "wsgi:application"]
