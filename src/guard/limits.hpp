// Every time and size that bounds what a tunnel may cost, in one place, so that tests can scale them.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace drydock::guard {

struct Timing {
  using Milliseconds = std::chrono::milliseconds;

  Milliseconds head{10'000};      // to send the head of a request
  Milliseconds verdict{10'000};   // for tinyproxy to say what it thinks of a request
  Milliseconds silence{3'000};    // of tinyproxy with a request in its hands, until it is taken to hang
  Milliseconds ask_again{20};     // when tinyproxy was not there to be asked
  Milliseconds resolve{10'000};   // to look a name up
  Milliseconds dial{8'000};       // to connect to one address
  Milliseconds hello{20'000};     // to send a ClientHello
  Milliseconds ask_look{250};     // between two looks whether somebody still looks on
  Milliseconds linger{1'000};     // for a refused client to read its answer
  Milliseconds progress{10'000};  // at least, between two words on what an open tunnel has carried

  Milliseconds proxy_start{9'000};  // until tinyproxy listens
  Milliseconds proxy_probe{2};      // between two attempts to reach it
  Milliseconds proxy_pause{100};    // before a tinyproxy that ended young is started again, doubled each time
  Milliseconds proxy_pause_limit{5'000};
  Milliseconds proxy_young{10'000};
  Milliseconds accept_pause{100};  // when there are no descriptors left
  Milliseconds log_retry{20};      // when the log's reader is slow

  // A relayed stream has no limit: it may rightly be silent for hours. TCP keepalive finds dead peers.
  std::chrono::seconds keepalive_idle{60};
  std::chrono::seconds keepalive_interval{30};
  int keepalive_probes = 4;
};

// Every one of them so many times as fast, down to the kernel's grain of a second for keepalive: for tests,
// to which an hour is a few seconds then.
inline Timing faster(const Timing& timing, int times) {
  Timing scaled = timing;
  // All of them by name, so that one which is added and forgotten here does not compile.
  auto& [head, verdict, silence, ask_again, resolve, dial, hello, ask_look, linger, progress, proxy_start,
         proxy_probe, proxy_pause, proxy_pause_limit, proxy_young, accept_pause, log_retry, keepalive_idle,
         keepalive_interval, keepalive_probes] = scaled;
  for (Timing::Milliseconds* each : {&head, &verdict, &silence, &ask_again, &resolve, &dial, &hello,
                                     &ask_look, &linger, &progress, &proxy_start, &proxy_probe, &proxy_pause,
                                     &proxy_pause_limit, &proxy_young, &accept_pause, &log_retry}) {
    *each = std::max(*each / times, Timing::Milliseconds(1));
  }
  for (std::chrono::seconds* each : {&keepalive_idle, &keepalive_interval})
    *each = std::max(*each / times, std::chrono::seconds(1));
  return scaled;
}

struct Limits {
  std::size_t tunnels = 4096;
  std::size_t overflow = 128;  // tunnels on top of that, which only get to hear 503
  std::size_t asked = 128;     // requests that are in tinyproxy's hands at once; the others wait
  int asked_times = 3;         // that a request is put to a tinyproxy that ends without an answer
  std::size_t lookups = 256;   // that wait for a thread
  std::size_t asking = 64;     // tunnels that wait for a person's answer
  unsigned threads = 4;        // that look names up
  std::size_t addresses = 4;   // of a name that are tried
  std::uint64_t progress = std::uint64_t{64} << 10;  // octets, at least, that such a word is worth
};

}  // namespace drydock::guard
