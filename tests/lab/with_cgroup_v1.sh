#!/bin/bash
# Runs a command with the cgroup version 1 hierarchies on /sys/fs/cgroup, in the mount namespace it is called in. Where limits are
# bound to version 1, this is the view in which the engines of root can enforce them; the rest of the lab sees version 2 only.
set -euo pipefail

mount --make-rprivate /sys
mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
while IFS=: read -r _ controllers _; do
  if [[ -z $controllers ]]; then continue; fi # version 2
  directory=/sys/fs/cgroup/${controllers#name=}
  mkdir "$directory"
  mount -t cgroup -o "${controllers/#name=/none,name=}" cgroup "$directory"
done </proc/self/cgroup
exec "$@"
