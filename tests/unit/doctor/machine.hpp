// A folder that stands for a machine on which rootless Podman works.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "base/temp_file.hpp"
#include "runtime/host_facts.hpp"

namespace drydock::test {

class Machine {
 public:
  Machine() {
    write("/etc/subuid", "other:1:5\ndev:100000:65536\n");
    write("/etc/subgid", "1000:100000:65536\n");
    write("/dev/net/tun", "");
    write("/proc/sys/user/max_user_namespaces", "96365\n");
    write("/proc/self/mountinfo", "36 35 98:0 / / rw,noatime shared:1 - ext4 /dev/root rw\n");
    write("/sys/fs/cgroup/cgroup.controllers", "cpu memory pids\n");
    for (const char* name : {"newuidmap", "newgidmap", "slirp4netns"}) add_program("/usr/bin/", name);
    add_program("/usr/lib/podman/", "netavark");
    add_program("/usr/lib/podman/", "catatonit");
  }

  void write(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = directory_.path() + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  void remove(const std::string& path) const { std::filesystem::remove_all(directory_.path() + path); }
  void add_program(const std::string& folder, const std::string& name) const {
    write(folder + name, "#!/bin/sh\n");
    std::filesystem::permissions(directory_.path() + folder + name, std::filesystem::perms(0755));
  }
  // As systemd mounts them with systemd.unified_cgroup_hierarchy=0.
  void make_hybrid() const {
    remove("/sys/fs/cgroup/cgroup.controllers");
    write("/sys/fs/cgroup/memory/tasks", "");
    write("/sys/fs/cgroup/unified/cgroup.controllers", "");
  }

  runtime::HostPlace place() const {
    runtime::HostPlace place;
    place.root = directory_.path();
    place.uid = 1000;
    place.user = "dev";
    place.runtime_folder = "/run/user/1000";
    place.program_folders = {"/usr/bin", "/usr/lib/podman"};
    place.ask_version = [](const std::string&) { return std::string("version 1.15.2"); };
    return place;
  }
  const std::string& root() const { return directory_.path(); }

 private:
  TempDir directory_;
};

}  // namespace drydock::test
