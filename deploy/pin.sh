#!/bin/sh
# Write the digests of the images in use to .env, where compose and `docker build` take them from. Needs docker and the
# registries: sh deploy/pin.sh > .env && docker compose build
set -eu
for pair in BASE=python:3.12-slim GATEWAY_IMAGE=ghcr.io/gnzsnz/ib-gateway:stable \
            PROMETHEUS_IMAGE=prom/prometheus:v3.5.0 GRAFANA_IMAGE=grafana/grafana:12.1.0; do
  name=${pair%%=*} image=${pair#*=}
  digest=$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$image")
  echo "$name=${image%:*}@$digest   # ${image##*:}"
done
