#!/bin/sh
# Runs a service and, where it dies unasked, ends only after the session time-out: a member that joins again before its
# dead self has expired makes the whole group wait, all instances for some five seconds instead of one's partitions.
# Compose takes a restart delay in its file, but `docker compose` does not heed it; so the container's end is held back.
#
#   sh deploy/restart-late.sh node services/detector/main.ts
set -u

# Processes of this container that the kernel has ended for memory, by cgroup v2 or v1; a folder for tests.
memory_kills() {
  cat "${CGROUP_ROOT:-/sys/fs/cgroup}/memory.events" "${CGROUP_ROOT:-/sys/fs/cgroup}/memory/memory.oom_control" 2>/dev/null |
    while read -r name value; do [ "$name" != oom_kill ] || [ "$value" = 0 ] || echo "$value"; done
}

# As the service's own log: one line of JSON.
say() {
  printf '{"level":"error","time":"%s","service":"restart-late","msg":"%s"}\n' "$(date -u +%Y-%m-%dT%H:%M:%S.000Z)" "$1" >&2
}

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
  why="ended with $code"
  if [ "$code" = 137 ] && [ -n "$(memory_kills)" ]; then
    why='ended by the kernel for memory: raise the memory limit of this container, or lower SIGHTLINE_NETWORK_BATCH, SIGHTLINE_WORKERS or SIGHTLINE_PICTURE_MEMORY'
  elif [ "$code" = 137 ]; then
    why='ended with 137: killed from outside'
  fi
  say "$why; the restart waits ${delay:-6} s for the session to expire"
  wait "$waiting"
fi
exit "$code"
