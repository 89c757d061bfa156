#!/bin/sh
# Runs a service and, where it dies unasked, ends only after the session time-out: a member that joins again before its
# dead self has expired makes the whole group wait, all instances for some five seconds instead of one's partitions.
# Compose takes a restart delay in its file, but `docker compose` does not heed it; so the container's end is held back.
#
#   sh deploy/restart-late.sh node services/detector/main.ts
set -u
asked=no
waiting=
ask() {
  asked=yes
  kill -TERM "$child" 2>/dev/null
  [ -z "$waiting" ] || kill "$waiting" 2>/dev/null
}

"$@" &
child=$!
trap ask TERM INT
wait "$child"
code=$?
# A signal ends `wait` before the service has ended: it drains.
while kill -0 "$child" 2>/dev/null; do
  wait "$child"
  code=$?
done

# 2 says that the settings are wrong: no member was in the group.
if [ "$asked" = no ] && [ "$code" -ne 0 ] && [ "$code" -ne 2 ]; then
  delay=${SIGHTLINE_SESSION_TIMEOUT_SECONDS:-}
  sleep "${delay:-6}" &
  waiting=$!
  echo "ended with $code; the restart waits ${delay:-6} s for the session to expire" >&2
  wait "$waiting"
fi
exit "$code"
