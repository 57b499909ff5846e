#!/bin/sh
# Records what the lab's engines say of a session that drydock made, for the tests of src/{docker,podman}/wire.cpp.
#
#   sudo tests/lab/lab tests/golden/record.sh BUILD OUT     BUILD: a build tree; OUT: an empty folder
#
# Names of the lab's own folders are replaced, and the list of system calls in the OCI specification is left out.
set -eu
build=$(realpath "$1")
out=$(realpath "$2")
here=$(dirname "$(realpath "$0")")
image=localhost/drydock-test:latest
archive=$TMPDIR/image.tar

"$build/tests/support/drydock-test-image" --ca "$DRYDOCK_LAB_CA" "$archive" $image
chmod 644 "$archive"
cat > "$TMPDIR/user.sh" <<'USER'
set -eu
engine=$1 archive=$2 build=$3 out=$4 image=$5
$engine load -q -i "$archive" > /dev/null
mkdir -p "$HOME/demo"
cd "$HOME/demo"
id=$("$build/src/drydock" --runtime "$engine" run -d --agent shell --image $image --name golden --allow allowed.test -e GREETING=hello -- sleep 30)
agent=drydock-demo-$id
if [ "$engine" = podman ]; then
  socket=$XDG_RUNTIME_DIR/drydock/podman.sock base=/v4.0.0/libpod network_end=/json
else
  socket=/run/docker.sock base=/v1.41 network_end=
fi
get() { curl -s --unix-socket "$socket" "http://d$base$1" | python3 -m json.tool > "$out/$2.json"; }
get "/containers/$agent/json" agent
get "/containers/$agent-egress/json" sidecar
get "/containers/json?all=1&filters=%7B%22label%22%3A%5B%22io.drydock.session%22%5D%7D" list
get /info info
get "/networks/drydock_internal_$id$network_end" internal
get "/networks/drydock_egress_$id$network_end" egress
get "/images/localhost%2Fdrydock-test:latest/json" image
get /containers/nope/json error
if [ "$engine" = podman ]; then
  path=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["OCIConfigPath"])' "$out/agent.json")
  podman unshare cat "$path" | python3 -c 'import json, sys
spec = json.load(sys.stdin); spec["linux"]["seccomp"]["syscalls"] = []; json.dump(spec, sys.stdout, indent=4)' > "$out/oci.json"
fi
"$build/src/drydock" --runtime "$engine" stop "$id"
USER
for engine in podman docker; do
  mkdir -p "$out/$engine"
  chmod 777 "$out/$engine"
  "$here/../lab/as-dev" sh "$TMPDIR/user.sh" $engine "$archive" "$build" "$out/$engine" $image
  sed -i "s|$DRYDOCK_LAB|/run/lab|g; s|/var/tmp/drydock-lab\.[^/]*/home|/home/dev|g; s|/var/tmp/drydock-lab\.[^/]*|/var/lib/lab|g; s|$(uname -r)|6.1.0|g" "$out/$engine"/*.json
  chmod 755 "$out/$engine"
done
chown -R "$(stat -c %u:%g "$out")" "$out"
