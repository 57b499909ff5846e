#include "runtime/http/log_reader.hpp"

#include <span>
#include <string_view>

#include "runtime/stream/demux.hpp"

namespace drydock::runtime::http {

void read_log(Api& api, const std::string& purpose, const std::string& path, bool framed,
              const LogRequest& request, const LogSink& sink) {
  Request get;
  get.target = api.prefix() + path;
  if (request.tail >= 0) get.target += "&tail=" + std::to_string(request.tail);
  get.patient = request.follow;

  stream::Demux demux;
  bool wanted = true;
  const auto hand_on = [&](Channel channel, std::string_view text) {
    if (wanted) wanted = sink(channel, text);
  };
  const Response response = api.client().stream(get, [&](std::string_view bytes) {
    if (!framed) {
      hand_on(Channel::out, bytes);
      return wanted;
    }
    demux.feed(std::as_bytes(std::span(bytes)), [&](Channel channel, std::span<const std::byte> payload) {
      hand_on(channel, {reinterpret_cast<const char*>(payload.data()), payload.size()});
    });
    return wanted;
  });
  if (response.status >= 300) api.fail(purpose, response.status, response.body);
}

}  // namespace drydock::runtime::http
