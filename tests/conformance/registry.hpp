// A registry of images on the lab's loopback, which both engines take without TLS.
#pragma once

#include <string>

#include "base/text.hpp"
#include "lab.hpp"

namespace drydock::conformance {

class Registry {
 public:
  static constexpr const char* host = "127.0.0.1:5000";

  // Docker takes a registry on the loopback as it is; Podman is told by its own configuration.
  static void begin() {
    ASSERT_EQ(sh("command -v docker-registry").status, 0) << "install the package docker-registry";
    ASSERT_EQ(sh("mkdir -p /etc/containers/registries.conf.d; printf '[[registry]]\\nlocation = \"" +
                 std::string(host) + "\"\\ninsecure = true\\n' > /etc/containers/registries.conf.d/lab.conf")
                  .status,
              0);
  }
  // With `more` lines of its configuration.
  static void start(const std::string& more = {}) {
    const Outcome started =
        sh("cd $TMPDIR; printf 'version: 0.1\\nstorage: {filesystem: {rootdirectory: "
           "'$TMPDIR'/registry}}\\nhttp: {addr: \"" +
           std::string(host) + "\"}\\n" + more +
           "' > registry.yml; docker-registry serve registry.yml > registry.log 2>&1 & echo $! > "
           "$TMPDIR/registry.pid; for i in $(seq 100); do curl -s -o /dev/null http://" +
           host + "/v2/ && exit 0; sleep 0.1; done; cat $TMPDIR/registry.log; exit 1");
    ASSERT_EQ(started.status, 0) << started;
  }
  static void stop() {
    sh("pid=$(cat $TMPDIR/registry.pid) && kill $pid && for i in $(seq 100); do kill -0 $pid 2> /dev/null || "
       "exit 0; sleep 0.1; done");
  }
  // Stops it, and removes what it has.
  static void remove() {
    stop();
    sh("rm -rf /etc/containers/registries.conf.d/lab.conf $TMPDIR/registry $TMPDIR/registry.yml "
       "$TMPDIR/registry.pid $TMPDIR/htpasswd");
  }
  // How often it was asked for something.
  static int asked() { return std::stoi(sh("grep -c 'http.request.method=GET' $TMPDIR/registry.log").out); }
  // "sha256:…", what the registry has under a tag.
  static std::string digest_of(const std::string& name, const std::string& tag) {
    const Outcome head =
        sh("curl -s -I -H 'Accept: application/vnd.docker.distribution.manifest.v2+json, "
           "application/vnd.oci.image.manifest.v1+json' http://" +
           std::string(host) + "/v2/" + name + "/manifests/" + tag +
           " | tr -d '\\r' | sed -n 's/^Docker-Content-Digest: //p'");
    return std::string(trim(head.out));
  }
};

}  // namespace drydock::conformance
