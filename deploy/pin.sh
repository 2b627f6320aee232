#!/bin/sh
# Write the digests of the images in use into .env, where compose and `docker build` take them from; what else is in
# that file (logins) stays. Needs docker and the registries: sh deploy/pin.sh && docker compose build
set -eu
umask 077
file=${1:-.env}
names='BASE|GATEWAY_IMAGE|PROMETHEUS_IMAGE|GRAFANA_IMAGE'
new=$(mktemp "$file.XXXXXX")
trap 'rm -f "$new"' EXIT
if [ -e "$file" ]; then grep -vE "^($names)=" "$file" > "$new" || true; fi
for pair in BASE=python:3.12-slim GATEWAY_IMAGE=ghcr.io/gnzsnz/ib-gateway:stable \
            PROMETHEUS_IMAGE=prom/prometheus:v3.5.0 GRAFANA_IMAGE=grafana/grafana:12.1.0; do
  name=${pair%%=*} image=${pair#*=}
  digest=$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$image")
  case $digest in
    sha256:*) echo "$name=${image%:*}@$digest   # ${image##*:}" >> "$new" ;;
    *) echo "pin.sh: no digest of $image: $digest" >&2; exit 1 ;;
  esac
done
mv "$new" "$file"
