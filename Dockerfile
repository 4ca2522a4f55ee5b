# One image for the engine; the command chooses the process (see docker-compose.yml):
#   python worker.py
#   uvicorn --factory api.app:create_app --host 0.0.0.0 --port 8000
#
# Targets:  production (the default, last)   no simulator, no tests, no build tools
#           demo                             the same and the simulator:  python -m simulator
#
# The base is named by version. A deployment that wants it by digest as well passes
#   --build-arg PYTHON_IMAGE=python:3.11.14-slim-bookworm@sha256:…
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm

FROM ${PYTHON_IMAGE} AS packages
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/handover/venv
COPY requirements-runtime.lock /tmp/requirements-runtime.lock
RUN /opt/handover/venv/bin/pip install --require-hashes --only-binary=:all: \
        -r /tmp/requirements-runtime.lock \
    && /opt/handover/venv/bin/pip uninstall --yes pip setuptools

FROM ${PYTHON_IMAGE} AS engine
ENV PATH=/opt/handover/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONPATH=/opt/handover/app
RUN groupadd --system --gid 10001 handover \
    && useradd --system --uid 10001 --gid handover --no-create-home --shell /usr/sbin/nologin \
        handover
COPY --from=packages /opt/handover/venv /opt/handover/venv
WORKDIR /opt/handover/app
COPY workflows/ workflows/
COPY activities/ activities/
COPY api/ api/
COPY worker.py ./
USER 10001:10001
STOPSIGNAL SIGTERM

FROM engine AS demo
COPY simulator/ simulator/
CMD ["python", "-m", "simulator"]

FROM engine AS production
CMD ["python", "worker.py"]
