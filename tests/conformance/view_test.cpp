// J11, J14, J22: what the agent sees of drydock and of the host, and what it is given.
#include "base/text.hpp"
#include "lab.hpp"

namespace drydock::conformance {
namespace {

class View : public Conformance {
 protected:
  void TearDown() override {
    // A test that failed in the middle must not fail the next one.
    if (!live_session().empty()) drydock("stop --all");
    Conformance::TearDown();
  }
};

TEST_P(View, J11_TheFilterAndDrydocksFilesAreOutOfReach) {
  // The words are put together so that the search does not find itself. An exact name would be in /etc/hosts,
  // for clients that ignore the proxy; a pattern has no reason to be anywhere.
  write_project_file("search.py", R"(import os, stat, sys
start = sys.argv[1]
words = [a.encode() + b.encode() for a, b in (('nee', 'dle-pattern'), ('FilterDefault', 'Deny'), ('own_addr', 'esses'),
                                              ('public-', 'range'))]
names = {'guard.json', 'tinyproxy.conf', 'filter', '403.html', 'podman.sock', 'docker.sock'}
skipped = {'/proc', '/sys', os.getcwd()}
for folder, folders, files in os.walk(start):
    folders[:] = [d for d in folders if os.path.join(folder, d) not in skipped]
    if 'drydock' in folder and start == '/' and not (os.getcwd() + '/').startswith(folder + '/'): print('folder', folder)
    for file in files:
        path = os.path.join(folder, file)
        if 'python3' in path or '/zoneinfo/' in path: continue
        if file in names: print('name', path)
        try:
            if not stat.S_ISREG(os.stat(path).st_mode): continue
            with open(path, 'rb') as f: text = f.read(1 << 20)
        except OSError: continue
        for word in words:
            if word in text: print('content', path, word.decode())
for process in filter(str.isdigit, os.listdir('/proc')):
    for file in ('environ', 'cmdline', 'mountinfo'):
        try: text = open(f'/proc/{process}/{file}', 'rb').read()
        except OSError: continue
        # The agent's own hosts file may come from a session's folder; nothing else of it may.
        text = b'\n'.join(line for line in text.split(b'\n') if b' /etc/hosts ro' not in line)
        for word in words + [b'drydock/sess' + b'ions', b'guard.' + b'json']:
            if word in text: print('process', process, file, word.decode())
)");
  const Outcome started = run("-q -d --allow '*.needle-pattern.test'", "sleep 1000");
  ASSERT_EQ(started.status, 0) << started;
  const std::string id(trim(started.out));
  const Outcome jailed = drydock("exec " + id + " -- python3 search.py /");
  EXPECT_EQ(jailed.status, 0) << jailed;
  EXPECT_EQ(jailed.out, "") << jailed;

  // The proxy shows nothing of its rules, and takes none.
  write_project_file("view.py", R"(import os, re, socket
host, port = re.match(r'http://([0-9.]+):(\d+)', os.environ['HTTPS_PROXY']).groups()
for request in ('CONNECT denied.test:443', 'GET /filter', 'GET /guard.json', 'PUT /filter', 'POST /filter', 'GET http://tinyproxy.stats/',
                'PUT file:///etc/drydock/filter', 'GET http://127.0.0.1:8889/', 'CONNECT 127.0.0.1:8889'):
    with socket.create_connection((host, int(port)), 10) as s:
        s.settimeout(5)
        s.sendall(f'{request} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n^.'.encode())
        reply = b''
        try:
            while piece := s.recv(65536): reply += piece
        except OSError: pass
        print(reply.split()[1].decode() if reply.startswith(b'HTTP/') else 'closed', b'needle' in reply)
)");
  const Outcome view = drydock("exec " + id + " -- python3 view.py");
  for (const std::string& line : split(trim(view.out), '\n')) {
    EXPECT_TRUE(line == "403 False" || line == "400 False") << view;
  }
  EXPECT_EQ(split(trim(view.out), '\n').size(), 9U) << view;

  const Outcome control =
      engine("run --rm --user 0 -v \"$XDG_RUNTIME_DIR/drydock:/look\" -v " + quote(project()) +
             ":/project -w /project " + std::string(test_image) + " python3 search.py /look");
  for (const std::string expected : {"guard.json", "tinyproxy.conf", "needle-pattern", "FilterDefaultDeny"}) {
    EXPECT_NE(control.out.find(expected), std::string::npos)
        << "the search would not have found " << expected << ": " << control;
  }
  EXPECT_EQ(drydock("stop " + id).status, 0);
}

TEST_P(View, J13_WhatIsMountedBesideTheProject) {
  const std::string beside = project() + "-beside";
  ASSERT_EQ(sh_as_dev("mkdir -p " + quote(beside) + "/rw " + quote(beside) + "/ro; cd " + quote(beside) +
                      "; git init -q rw; echo seen | tee ro/file > one")
                .status,
            0);
  const std::string mounts = "--mount " + quote(beside + "/ro") + ":/mnt/ro --mount " +
                             quote(beside + "/rw") + ":/mnt/rw:rw --mount " + quote(beside + "/one") +
                             ":/mnt/one ";
  const Outcome used = run("-q " + mounts,
                           "sh -c 'cat /mnt/ro/file /mnt/one; echo made > /mnt/rw/new; "
                           "for at in /mnt/ro/new /mnt/one /mnt/rw/.git/hooks/pre-commit; do "
                           "(echo x > $at) 2> /dev/null && echo wrote $at; done; "
                           "mv /mnt/rw/.git /mnt/rw/git 2> /dev/null && echo moved; true'");
  EXPECT_EQ(used.status, 0) << used;
  EXPECT_EQ(used.out, "seen\nseen\n") << used;
  EXPECT_EQ(sh("stat -c '%U %s' " + quote(beside + "/rw/new")).out, "dev 5\n") << "the control: it can write";
  EXPECT_EQ(sh("ls " + quote(beside + "/rw/.git/hooks") + " | grep -v sample").out, "");
  EXPECT_EQ(run("-q", "ls /mnt").out, "") << "only what is asked for";
  sh("rm -rf " + quote(beside));
}

TEST_P(View, J13_WhatIsLinkedIsThereInEverySession) {
  const std::string beside = project() + "-beside";
  ASSERT_EQ(sh_as_dev("mkdir -p " + quote(beside) + "/ro " + quote(beside) + "/rw; echo seen > " +
                      quote(beside) + "/ro/file")
                .status,
            0);
  const std::string use =
      "sh -c " + quote("cat " + beside + "/ro/file; for at in " + beside + "/ro/new " + beside +
                       "/rw/new; do (echo x > $at) 2> /dev/null && echo wrote $at; done; true");
  EXPECT_EQ(run("-q", use).out, "") << "the control: without a link";
  ASSERT_EQ(drydock("link " + quote("../" + beside.substr(beside.rfind('/') + 1) + "/ro")).status, 0);
  ASSERT_EQ(drydock("link --rw " + quote(beside + "/rw")).status, 0);
  EXPECT_EQ(drydock("links").out, "ro  " + beside + "/ro\nrw  " + beside + "/rw\n");
  EXPECT_EQ(run("-q", use).out, "seen\nwrote " + beside + "/rw/new\n");
  for (const std::string& refused : {std::string("~/.ssh"), std::string("/etc"), std::string("--rw /etc/ssh"),
                                     std::string("."), std::string("..")})
    EXPECT_EQ(drydock("link " + refused).status, 1) << refused;
  // What was harmless when it was linked is judged again.
  ASSERT_EQ(sh_as_dev("mv " + quote(beside + "/ro") + " " + quote(beside + "/old") + "; ln -s /etc " +
                      quote(beside + "/ro"))
                .status,
            0);
  const Outcome moved = run("-q", use);
  EXPECT_EQ(moved.status, 125) << moved;
  EXPECT_EQ(drydock("unlink " + quote(beside + "/ro")).status, 0);
  EXPECT_EQ(drydock("unlink " + quote(beside + "/rw")).status, 0);
  EXPECT_EQ(run("-q", use).out, "");
  sh("rm -rf " + quote(beside));
}

TEST_P(View, J13_WhatIsMaskedIsNotSeen) {
  ASSERT_EQ(sh_as_dev("cd " + quote(project()) +
                      "; mkdir -p deep/er keys; echo secret | tee .env deep/er/key keys/a > plain")
                .status,
            0);
  const std::string look = "sh -c 'cat plain .env deep/er/key keys/a 2> /dev/null; true'";
  EXPECT_EQ(run("-q", look).out, "secret\nsecret\nsecret\nsecret\n") << "the control: without a mask";
  const std::string masks = "--mask .env --mask deep/er/key --mask keys ";
  // Neither by another name, nor after a move, nor by what can be done to a mount.
  const Outcome masked = run(
      "-q " + masks,
      "sh -c 'cat plain .env deep/er/key; ls -A keys; for at in .env deep deep/er deep/er/key keys; do "
      "mv $at moved 2> /dev/null && echo moved $at; rm -rf $at 2> /dev/null && echo removed $at; "
      "umount $at 2> /dev/null && echo unmounted $at; done; for at in .env deep/er/key keys/new; do "
      "(echo x > $at) 2> /dev/null && echo wrote $at; done; ln .env other 2> /dev/null && cat other; true'");
  EXPECT_EQ(masked.status, 0) << masked;
  EXPECT_EQ(masked.out, "secret\n") << masked;
  EXPECT_EQ(run("-q " + masks, look).out, "secret\n");
  EXPECT_EQ(run("-q", look).out, "secret\nsecret\nsecret\nsecret\n") << "nothing was lost";
}

TEST_P(View, J13_AProjectMayBeReadOnly) {
  ASSERT_EQ(sh_as_dev("cd " + quote(project()) + "; git init -q; mkdir keys; touch keys/a").status, 0);
  const std::string write =
      "sh -c 'for at in new .git/new .git/config keys/new; do (echo x >> $at) 2> /dev/null && echo wrote "
      "$at; "
      "done; git status > /dev/null && echo git works'";
  const Outcome written = run("-q --project-ro --mask keys/a", write);
  EXPECT_EQ(written.status, 0) << written;
  EXPECT_EQ(written.out, "git works\n") << written;
  const Outcome control = run("-q", write);
  EXPECT_NE(control.out.find("wrote new\nwrote .git/new\nwrote .git/config\nwrote keys/new\n"),
            std::string::npos)
      << control;
}

TEST_P(View, J14_TheProxyIsInTheEnvironmentAndToolsWork) {
  // A name of a pattern: not in /etc/hosts, so that only the proxy leads to it.
  const Log requests("requests");
  const Outcome outcome =
      run("-q --allow '*.wild.test' -e https_proxy=http://192.0.2.1:1 -e NO_PROXY='*'",
          "sh -c \"env | grep -i _proxy= | sort; curl -sS https://by-curl.wild.test/; python3 -c 'import "
          "urllib.request as u; print(u.urlopen(\\\"https://by-python.wild.test/\\\").read().decode())'\"");
  EXPECT_EQ(outcome.status, 0) << outcome;
  std::string value;
  for (const std::string name :
       {"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"}) {
    const auto at = outcome.out.find(name + "=http://10.");
    ASSERT_NE(at, std::string::npos) << name << " " << outcome;
    const std::string found =
        outcome.out.substr(at + name.size(), outcome.out.find('\n', at) - at - name.size());
    EXPECT_TRUE(value.empty() || value == found) << name << " differs: " << outcome;
    value = found;
  }
  for (const std::string name : {"NO_PROXY", "no_proxy"}) {
    EXPECT_NE(outcome.out.find(name + "=localhost,127.0.0.1,::1\n"), std::string::npos) << outcome;
  }
  // busybox's wget speaks no CONNECT: it asks the proxy for "https://…" and is refused. It is told who
  // refused it.
  for (const std::string tool : {"curl", "python"}) {
    EXPECT_NE(outcome.out.find("hello from by-" + tool + ".wild.test"), std::string::npos) << outcome;
    EXPECT_FALSE(requests.lines_with({"\"sni\": \"by-" + tool + ".wild.test\""}).empty());
  }
  const Outcome control =
      run("-q --allow '*.wild.test'", "curl -sS --noproxy '*' -m 5 https://by-curl.wild.test/");
  EXPECT_NE(control.status, 0) << "it was not the proxy that led there: " << control;
}

TEST_P(View, J22_NothingOfTheHostsSettingsIsSeen) {
  write_project_file("look.py", R"(import os, socket
for name, value in sorted(os.environ.items()): print(f'{name}={value}')
print(open('/etc/hosts').read())
for name in ('only-in-the-hosts-file.test', 'host.containers.internal', 'host.docker.internal', 'drydock-lab'):
    try: socket.create_connection((name, 7777), 2).close()
    except OSError: continue
    print('reached', name)
)");
  const std::string settings =
      "export HTTP_PROXY=http://user:secret-marker@203.0.113.99:3 "
      "http_proxy=http://user:secret-marker@203.0.113.99:3 "
      "HTTPS_PROXY=http://user:secret-marker@203.0.113.99:3 FTP_PROXY=http://secret-marker no_proxy='*' "
      "NO_PROXY='*'; ";
  const Outcome jailed =
      sh_as_user(settings + "cd " + quote(project()) + " && " + drydock_words() + " run -q --image " +
                 test_image + " --allow allowed.test -- python3 look.py");
  EXPECT_EQ(jailed.status, 0) << jailed;
  const std::vector<std::string> unseen{"secret-marker",          "203.0.113.99", "=*\n",       "reached",
                                        "only-in-the-hosts-file", "203.0.113.77", "203.0.113.2"};
  for (const std::string& text : unseen) {
    EXPECT_EQ(jailed.out.find(text), std::string::npos) << text << " " << jailed;
  }
  EXPECT_NE(jailed.out.find("drydock-egress"), std::string::npos) << "its own entries " << jailed;

  // Rootless Podman hands proxy variables on by itself, and Podman the host's entries. Elsewhere the control
  // shows that the probe would have seen them.
  std::string options;
  if (configuration() != "P4r" && configuration() != "P5r") options += "-e HTTP_PROXY -e no_proxy ";
  if (backend() == "docker") options += "--add-host only-in-the-hosts-file.test:203.0.113.77 ";
  const Outcome control =
      sh_as_user(settings + backend() + " run --rm " + options + "-v " + quote(project()) +
                 ":/project -w /project " + test_image + " python3 look.py");
  EXPECT_NE(control.out.find("secret-marker"), std::string::npos) << control;
  EXPECT_NE(control.out.find("only-in-the-hosts-file.test"), std::string::npos) << control;
}

TEST_P(View, J22_GitKnowsWhoTheUserIsAndNothingElseOfTheirs) {
  ASSERT_EQ(
      sh_as_user(
          "git config --global user.name 'Some Body' && git config --global user.email some@body.test && "
          "git config --global credential.helper secret-marker")
          .status,
      0);
  ASSERT_EQ(sh_as_dev("git init -q " + quote(project())).status, 0);
  const std::string look =
      "git commit -q --allow-empty -m one && git log --format='%an <%ae>' && "
      "git config --get-all credential.helper; git config user.name 'Its Own' && git commit -q --allow-empty "
      "-m two && "
      "git log -1 --format=%an && git config --global user.name Agent && git config --global user.name && "
      "! echo x >>\"$GIT_CONFIG_SYSTEM\"";
  const Outcome jailed = run("-q", "sh -c " + quote(look));
  EXPECT_EQ(jailed.status, 0) << jailed;
  EXPECT_EQ(jailed.out, "Some Body <some@body.test>\nIts Own\nAgent\n") << jailed;
  const Outcome control = sh_as_user("git config --get-all credential.helper");
  EXPECT_EQ(control.out, "secret-marker\n") << "the control: the user has one " << control;
  EXPECT_EQ(sh_as_user("rm ~/.gitconfig").status, 0);
}

TEST_P(View, J22_TheHostsControlGroupsAreNotSeen) {
  const Outcome jailed = run("-q", "grep ^0:: /proc/self/cgroup");
  EXPECT_EQ(jailed.out, "0::/\n") << jailed;
  const Outcome control =
      sh_as_user(backend() + " run --rm --cgroupns=host " + test_image + " grep ^0:: /proc/self/cgroup");
  EXPECT_EQ(control.status, 0) << control;
  EXPECT_NE(control.out, "0::/\n") << "the control: with the host's namespace its groups are seen "
                                   << control;
}

INSTANTIATE_TEST_SUITE_P(Backend, View, ::testing::Values("podman", "docker"),
                         [](const auto& backend) { return backend.param; });

}  // namespace
}  // namespace drydock::conformance
