#!/usr/bin/env bash
# Whether a gateway at host $1, port $2 answers the API's handshake: an open port proves nothing (a dialog may wait, a
# forwarder may stand before nobody). It starts no session, so it needs no client ID.
set -u
exec 3<>"/dev/tcp/$1/$2" || exit 1
printf 'API\0\0\0\0\011v157..200' >&3
read -r -t 4 -n 1 -d '' -u 3 first
status=$?
exec 3>&-
# The answer begins with its length, four bytes of which the first is NUL: read ends at it with success and no text.
[ "$status" -eq 0 ] || { echo "no answer from $1:$2"; exit 1; }
