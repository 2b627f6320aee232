#!/bin/bash
# Try the image without a container engine: a fresh Debian root, the Dockerfile's own steps in it, and then its processes
# under the image's user and environment, with a read-only root. Needs root, debootstrap and unshare:
#
#   sudo deploy/emulate.sh [FOLDER]
#
# It proves that the steps work on a bare system, that nothing is written outside of /var/lib/twsmq and /tmp, and that a
# cluster becomes ready and stops in order like that. It proves nothing about an engine, its networks or the base image.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
root=${1:-$(mktemp -d /tmp/twsmq-root.XXXXXX)}
say() { echo "emulate: $*"; }

if [ ! -x "$root/usr/bin/python3" ]; then
  say "a fresh root in $root"
  debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$root" >"$root.log" 2>&1 \
    || { tail -5 "$root.log"; exit 1; }
  ln -sf python3 "$root/usr/bin/python"
fi
cp -L /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
[ -f /etc/pip.conf ] && cp /etc/pip.conf "$root/etc/pip.conf"
for each in /etc/ssl/certs/ca-certificates.crt; do [ -f $each ] && cp $each "$root$each"; done

# The steps are the Dockerfile's, word for word: RUN of the first stage in /src, then those of the second.
steps() {
  awk -v stage="$1" '
    /^FROM/ { at++ }
    at == stage && /^RUN/ { on = 1; sub(/^RUN /, "") }
    on { line = $0; more = sub(/\\$/, "", line); text = text " " line; if (!more) { print text; text = ""; on = 0 } }
  ' "$here/Dockerfile"
}
rm -rf "$root/src" "$root/opt/twsmq"; mkdir -p "$root/src"
git -C "$here" archive HEAD | tar -x -C "$root/src"
(cd "$root/src" && rm -rf tests bench)   # as .dockerignore has it
inside() { env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin HOME=/root ${PIP_INDEX_URL:+PIP_INDEX_URL=$PIP_INDEX_URL} \
  ${PIP_CERT:+PIP_CERT=$PIP_CERT} ${https_proxy:+https_proxy=$https_proxy} chroot "$root" /bin/sh -ec "$1"; }
steps 1 | while read -r step; do say "$step"; inside "cd /src; $step" </dev/null; done
rm -rf "$root/src"
steps 2 | while read -r step; do
  say "$step"; inside "id twsmq >/dev/null 2>&1 && install -d -m 0700 -o twsmq -g twsmq /var/lib/twsmq || { $step; }" </dev/null
done
say "installed: $(du -sm "$root/opt/twsmq" | cut -f1) MB in /opt/twsmq"

say "a cluster with a read-only root, as user 1000"
cat >"$root/try.sh" <<'INSIDE'
set -eu
export PATH=/opt/twsmq/bin:/usr/bin:/bin PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/home/twsmq
cd /var/lib/twsmq
if touch /opt/twsmq/x 2>/dev/null || touch /etc/x 2>/dev/null; then echo "the root can be written"; exit 1; fi
printf '[cluster]\nport_base = 15500\n[gateway]\nport = 15595\n' > twsmq.toml
python -m twsmq_supervisor &
supervisor=$!
trap 'kill $supervisor 2>/dev/null || true' EXIT
n=0
for node in supervisor connection reference history marketdata-0 status orders web; do
  until twsmq health $node >/dev/null 2>&1; do
    n=$((n + 1)); [ $n -lt 120 ] || { echo "$node is not ready"; twsmq status || true; exit 1; }; sleep 0.5
  done
done
twsmq order place --instrument STK:AAPL:SMART:USD --side BUY --quantity 1 --order-type MKT
twsmq down
wait $supervisor
trap - EXIT
echo "ready, traded, stopped in order; files: $(find var -type f | wc -l) in var"
INSIDE
unshare --mount --pid --fork --kill-child sh -ec "
  mount --make-rprivate /
  mount --bind '$root' '$root'
  mount --bind '$root/var/lib/twsmq' '$root/var/lib/twsmq'
  mount -t proc proc '$root/proc'
  mount -t tmpfs tmpfs '$root/tmp'
  for each in null zero random urandom; do touch '$root/dev/'\$each; mount --bind /dev/\$each '$root/dev/'\$each; done
  mount -t tmpfs tmpfs '$root/dev/shm' 2>/dev/null || true
  mount -o remount,bind,ro '$root'
  chroot --userspec=1000:1000 '$root' /bin/sh /try.sh
"
say "done"
