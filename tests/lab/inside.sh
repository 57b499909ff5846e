#!/bin/bash
# The first process of a lab (process 1 of its pid namespace): builds the host around it, starts what lives in it, runs the
# command, and by ending ends everything else. Started by `lab` only, in new mount, net, pid, ipc, uts and cgroup namespaces.
set -Eeuo pipefail

here=$LAB_HERE scratch=$LAB_SCRATCH engines=,$LAB_ENGINES, keep_logs=$LAB_KEEP_LOGS cgroup_v1=$LAB_CGROUP_V1
config=$LAB_CONFIG own_release=$LAB_RELEASE
unset "${!LAB_@}"
caller_path=$PATH
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
lab=/run/drydock-lab
log=$lab/log
trap 'echo "lab: cannot set the lab up (line $LINENO of inside.sh)" >&2; exit 125' ERR

wants() { [[ $engines == *,$1,* ]]; }

# --- file systems ----------------------------------------------------------------------------------------------------

# An overlay keeps every change to a directory of the machine in memory, and private.
private_copy() {
  local upper=$lab/private$1
  mkdir -p "$upper/new" "$upper/work"
  mount -t overlay overlay -o "lowerdir=$1,upperdir=$upper/new,workdir=$upper/work" "$1"
}

device() { # PATH MAJOR MINOR
  mknod -m 666 "$lab/dev/$1" c "$2" "$3"
}

make_dev() { # our own nodes, for the engines and the user need modes that the machine's may not have
  local name
  mkdir -p "$lab/dev"
  mount -t tmpfs -o mode=755,nosuid dev "$lab/dev"
  mkdir "$lab/dev"/{net,pts,shm,mqueue}
  device null 1 3; device zero 1 5; device full 1 7; device random 1 8; device urandom 1 9
  device tty 5 0; device ptmx 5 2; device fuse 10 229; device net/tun 10 200
  for name in fd:/proc/self/fd stdin:/proc/self/fd/0 stdout:/proc/self/fd/1 stderr:/proc/self/fd/2; do
    ln -s "${name#*:}" "$lab/dev/${name%%:*}"
  done
  mount --bind /dev/pts "$lab/dev/pts"
  mount -t tmpfs -o mode=1777,nosuid,nodev shm "$lab/dev/shm"
  mount -t mqueue mqueue "$lab/dev/mqueue"
  mount --rbind "$lab/dev" /dev
}

make_mounts() {
  mount -t proc proc /proc
  mount -t tmpfs -o mode=755,nosuid,nodev run /run
  mkdir -p "$log" /run/lock /run/netns
  mount -t sysfs sysfs /sys
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  # shellcheck disable=SC2046  # one word per controller
  printf '+%s\n' $(</sys/fs/cgroup/cgroup.controllers) | while read -r controller; do
    echo "$controller" >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null || break # a controller may refuse
  done
  if [[ -z $own_release ]]; then
    mount -t tmpfs -o mode=700 private "$(mkdir -p "$lab/private" && echo "$lab/private")"
    private_copy /etc
    private_copy /var/lib
  fi
  # Images and containers need a disk: an overlay cannot lie on an overlay.
  mkdir -p "$scratch"/{docker,containers,root,home} /var/lib/containers
  mount --bind "$scratch/containers" /var/lib/containers
  mkdir -m 1777 "$scratch/tmp"
  make_dev
  mount --make-rshared /
}

make_files() {
  hostname drydock-lab
  rm -f /etc/resolv.conf /etc/hosts /etc/hostname
  echo 'nameserver 203.0.113.53' >/etc/resolv.conf
  echo drydock-lab >/etc/hostname
  cat >/etc/hosts <<'END'
127.0.0.1 localhost
::1 localhost
203.0.113.2 drydock-lab
203.0.113.77 only-in-the-hosts-file.test
END
}

# The lab's internet has the addresses of documentation, which drydock's guard refuses for good reason elsewhere.
make_config() {
  rm -rf /etc/drydock
  mkdir /etc/drydock
  printf 'public-range = %s\n' 203.0.113.0/24 2001:db8::/32 >/etc/drydock/config
}

make_user() {
  local file
  # Without this Podman falls back to vfs, which copies the whole image for every container.
  mkdir -p /etc/containers
  cat >/etc/containers/storage.conf <<'END'
[storage]
driver = "overlay"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"
END
  for file in passwd shadow; do sed -i -E '/^dev:|^[^:]*:[^:]*:1000:/d' "/etc/$file"; done
  sed -i -E '/^dev:|^[^:]*:[^:]*:1000:/d' /etc/group
  grep -q '^docker:' /etc/group || echo 'docker:x:989:' >>/etc/group
  sed -i -E 's/^(docker:.*[^:])$/\1,dev/; s/^(docker:.*:)$/\1dev/' /etc/group
  echo "dev:x:1000:1000:drydock lab user:$scratch/home:/bin/bash" >>/etc/passwd
  sed -i -E "s#^(root:([^:]*:){4})[^:]*#\\1$scratch/root#" /etc/passwd # the machine's own is not the lab's
  echo 'dev:x:1000:' >>/etc/group
  echo 'dev:*:19000:0:99999:7:::' >>/etc/shadow
  echo dev:100000:65536 | tee /etc/subuid >/etc/subgid
  chmod 700 "$scratch/home"
  mkdir -p /run/user
  mkdir -m 700 /run/user/0 /run/user/1000
  chown 1000:1000 "$scratch/home" /run/user/1000
}

# --- network ---------------------------------------------------------------------------------------------------------

make_network() {
  local net=/proc/sys/net
  ip netns add inet
  echo 0 | tee $net/ipv6/conf/{all,default}/accept_dad >/dev/null
  ip netns exec inet sh -c "echo 0 | tee $net/ipv6/conf/all/accept_dad $net/ipv6/conf/default/accept_dad >/dev/null"
  ip link add eth0 type veth peer name inet0 netns inet
  ip -batch - <<'END'
link set lo up
addr add 203.0.113.2/24 dev eth0
addr add 2001:db8:1::2/64 dev eth0 nodad
link set eth0 up
END
  ip -n inet -batch - <<'END'
link set lo up
addr add 203.0.113.10/24 dev inet0
addr add 203.0.113.53/24 dev inet0
addr add 2001:db8:1::10/64 dev inet0 nodad
addr add 2001:db8:1::53/64 dev inet0 nodad
link set inet0 up
route add 10.0.0.0/8 via 203.0.113.2
route add 172.16.0.0/12 via 203.0.113.2
route add 192.168.0.0/16 via 203.0.113.2
route add fc00::/7 via 2001:db8:1::2
END
  # The kernel adds this route up to a second later; neighbour discovery, and so all of IPv6, would wait for it.
  ip -6 route add multicast ff00::/8 dev eth0 table local
  ip -n inet -6 route add multicast ff00::/8 dev inet0 table local
  ip route add default via 203.0.113.10
  ip -6 route add default via 2001:db8:1::10
  echo 1 | tee $net/ipv4/ip_forward $net/ipv6/conf/all/forwarding >/dev/null
}

make_certificates() {
  local names='DNS:allowed.test,DNS:denied.test,DNS:other.test,DNS:wild.test,DNS:*.wild.test,DNS:api.anthropic.com'
  names+=',DNS:flip.test,DNS:mixed.test,DNS:v4only.test,DNS:v6only.test,IP:203.0.113.10,IP:2001:db8:1::10'
  names+=',DNS:*.tools.test,DNS:registry.example'
  names+=',DNS:api.openai.com,DNS:chatgpt.com,DNS:generativelanguage.googleapis.com,DNS:models.opencode.ai'
  local key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 2)
  mkdir -m 700 "$lab/tls"
  openssl req -x509 "${key[@]}" -subj '/CN=drydock lab CA' -keyout "$lab/tls/ca.key" -out "$lab/ca.pem" \
    -addext 'keyUsage=critical,keyCertSign,cRLSign' 2>/dev/null
  openssl req -x509 "${key[@]}" -subj '/CN=drydock lab' -CA "$lab/ca.pem" -CAkey "$lab/tls/ca.key" \
    -keyout "$lab/tls/leaf.key" -out "$lab/tls/leaf.pem" \
    -addext "subjectAltName=$names" -addext 'basicConstraints=critical,CA:false' -addext 'extendedKeyUsage=serverAuth' 2>/dev/null
  chmod 644 "$lab/ca.pem"
}

# --- what lives there ------------------------------------------------------------------------------------------------

# Starts a service and remembers to wait for the line "ready" from it.
waiting=()
service() { # NAME COMMAND…
  local name=$1 ready
  shift
  exec {ready}< <(exec "$@" </dev/null 2>>"$log/$name.err")
  waiting+=("$name:$ready")
}

await_services() {
  local entry ready line
  for entry in "${waiting[@]}"; do
    ready=${entry#*:} line=
    read -r -t 20 -u "$ready" line || true # the next line judges what was read
    if [[ $line != ready ]]; then
      echo "lab: ${entry%%:*} did not start" >&2
      cat "$log/${entry%%:*}.err" >&2
      exit 125
    fi
    exec {ready}<&- # or the command would inherit it
  done
}

# Limits are for the engines of root to enforce, so they get the hierarchies that have controllers.
rootful=()
if [[ -n $cgroup_v1 ]]; then rootful=(unshare --mount --propagation unchanged -- "$here/with_cgroup_v1.sh"); fi

start_docker() {
  local options=(
    --config-file "$lab/docker.json" --host unix:///run/docker.sock --group docker --data-root "$scratch/docker"
    --exec-root /run/docker --pidfile /run/docker.pid --exec-opt native.cgroupdriver=cgroupfs --storage-driver overlay2
  )
  echo '{}' >"$lab/docker.json"
  "${rootful[@]}" dockerd "${options[@]}" </dev/null >>"$log/dockerd.log" 2>&1 &
}

start_docker_rootless() {
  local script
  script=$(command -v dockerd-rootless.sh || echo /usr/share/docker.io/contrib/dockerd-rootless.sh)
  as_dev "$script" </dev/null >>"$log/dockerd-rootless.log" 2>&1 &
}

start_podman_root() {
  mkdir -p /run/podman
  # In the scratch directory, for conmon leaves a file "oom" in its own. Without dpkg's answers about its helpers, as drydock starts
  # one: 0.4 s less for each question about the engine.
  "${rootful[@]}" env -C "$scratch" DPKG_ADMINDIR=/nonexistent podman system service --time 0 unix:///run/podman/podman.sock </dev/null >>"$log/podman.log" 2>&1 &
}

as_command() { # what the command's environment is
  env PATH="$caller_path" HOME="$scratch/root" TMPDIR="$scratch/tmp" \
    DRYDOCK_LAB="$lab" DRYDOCK_LAB_CA="$lab/ca.pem" DRYDOCK_LAB_USER=dev DRYDOCK_LAB_CONFIG="$config" "$@"
}

as_dev() { as_command "$here/as-dev" "$@"; }

await_engine() { # NAME SOCKET
  if ! python3 "$here/await_socket.py" "$2"; then
    echo "lab: $1 did not start" >&2
    tail -n 20 "$log/$1.log" >&2
    exit 125
  fi
}

make_mounts
make_files
make_config
make_user
make_network
if wants docker; then start_docker; fi
if wants docker-rootless; then start_docker_rootless; fi
if wants podman-root; then start_podman_root; fi
service packets ip netns exec inet python3 "$here/packets.py" "$log" inet0
service hostlisten python3 "$here/hostlisten.py" "$log"
make_certificates
service inet ip netns exec inet python3 "$here/inet.py" "$log" "$lab/tls/leaf.pem" "$lab/tls/leaf.key"
await_services
if wants docker; then await_engine dockerd /run/docker.sock; fi
if wants docker-rootless; then await_engine dockerd-rootless /run/user/1000/docker.sock; fi
if wants podman-root; then await_engine podman /run/podman/podman.sock; fi

trap - ERR
set +e
as_command "$@"
status=$?
if [[ -n $keep_logs ]]; then mkdir -p "$keep_logs" && cp "$log"/* "$keep_logs"; fi
exit "$status"
