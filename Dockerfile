# Two images of one build:
#   docker build --target api -t logleap-api .         the HTTP API
#   docker build -t logleap-pubsub-subscriber .        the worker (the last target, so the default one)
# docs/deployment.md tells how to run them. The base is pinned by its tag: pin it by its digest as well where
# images are built for production.

FROM python:3.13-slim-trixie AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 \
    UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never
# For the reader of entries, which is C. Whatever Debian has of it will do.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY requirements/uv.txt requirements/gcp.txt requirements/
# Of others ready-made wheels only.
RUN python -m venv /opt/uv \
    && /opt/uv/bin/pip install --require-hashes --only-binary :all: --requirement requirements/uv.txt \
    && python -m venv --without-pip /opt/logleap \
    && /opt/uv/bin/uv pip install --python /opt/logleap/bin/python --require-hashes --only-binary :all: \
        --requirement requirements/gcp.txt
COPY pyproject.toml README.md LICENSE CHANGELOG.md ./
COPY src src
RUN /opt/uv/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && /opt/uv/bin/uv pip install --python /opt/logleap/bin/python --no-deps dist/*.whl \
    && /opt/logleap/bin/python -c 'import logleap.codecs.json._fast, logleap.codecs.packed._fast'

FROM python:3.13-slim-trixie AS runtime
RUN groupadd --gid 10001 logleap \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin logleap \
    && install --directory --owner=logleap --group=logleap --mode=700 /var/lib/logleap
COPY --from=build /opt/logleap /opt/logleap
ENV PATH=/opt/logleap/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    LOGLEAP_BACKEND=gcp \
    LOGLEAP_HOST=0.0.0.0 \
    LOGLEAP_LOG_FORMAT=json
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["logleap"]

FROM runtime AS api
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ.get('LOGLEAP_PORT', 8080)}/healthz\", timeout=4)"]
CMD ["serve"]

FROM runtime AS logleap-pubsub-subscriber
# The worker touches this file as it gets on. A look at the process would tell nothing: when it ends, so does
# the container.
ENV LOGLEAP_HEARTBEAT_FILE=/tmp/logleap-worker
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import os, sys, time; sys.exit(time.time() - os.stat(os.environ['LOGLEAP_HEARTBEAT_FILE']).st_mtime > 120)"]
CMD ["worker"]
