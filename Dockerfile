# One image for every process of twsmq; compose.yaml says which one a container runs.
FROM python:3.12-slim AS build
WORKDIR /src
COPY . .
RUN python -m venv /opt/twsmq && /opt/twsmq/bin/pip install --no-cache-dir '.[web]'

FROM python:3.12-slim
COPY --from=build /opt/twsmq /opt/twsmq
RUN useradd --create-home --uid 1000 twsmq && install -d -o twsmq -g twsmq /var/lib/twsmq
ENV PATH=/opt/twsmq/bin:$PATH PYTHONUNBUFFERED=1
USER twsmq
WORKDIR /var/lib/twsmq
VOLUME /var/lib/twsmq
CMD ["twsmq", "--help"]
