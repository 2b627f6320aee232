# One image for every process of twsmq; compose.yaml says which one a container runs.
#
# BASE is a tag here; pin it to a digest before you deploy (deploy/pin.sh writes it down). Nothing in the second
# stage needs a shell, and nothing is written outside of /var/lib/twsmq and /tmp: run it with a read-only root.
ARG BASE=python:3.12-slim

FROM ${BASE} AS build
WORKDIR /src
COPY . .
RUN python -m venv /opt/twsmq \
 && /opt/twsmq/bin/pip install --no-cache-dir '.[web]' \
 && /opt/twsmq/bin/pip uninstall --yes pip \
 && find /opt/twsmq -name '__pycache__' -prune -exec rm -rf {} + \
 && find /opt/twsmq -type d -name tests -prune -exec rm -rf {} +

FROM ${BASE}
COPY --from=build /opt/twsmq /opt/twsmq
RUN useradd --create-home --uid 1000 twsmq && install -d -m 0700 -o twsmq -g twsmq /var/lib/twsmq
ENV PATH=/opt/twsmq/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 1000:1000
WORKDIR /var/lib/twsmq
VOLUME /var/lib/twsmq
# Of a container that runs `python -m twsmq_supervisor`; compose.yaml and Kubernetes name each node's own.
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s --retries=3 CMD ["twsmq", "health", "supervisor"]
CMD ["twsmq", "--help"]
