// An IPv4 address is judged the same in every form it can take.
#include <algorithm>

#include "fuzz.hpp"
#include "guard/floor.hpp"

using drydock::fuzz::require;
using drydock::guard::FloorRules;
using drydock::guard::Ip;
using drydock::guard::IpRange;
using drydock::guard::PrivateUse;
using drydock::guard::refuse_address;

namespace {

Ip inside(const char* prefix, const Ip& v4, std::size_t at) {
  Ip ip = *Ip::parse(prefix);
  std::copy_n(v4.bytes.begin(), 4, ip.bytes.begin() + static_cast<std::ptrdiff_t>(at));
  return ip;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = drydock::fuzz::text(data, size);
  if (const auto range = IpRange::parse(text)) require(range->contains(range->base));
  const auto ip = Ip::parse(text);
  if (!ip) return 0;
  require(Ip::parse(ip->to_string()) == ip);
  const bool refused = !refuse_address(*ip, {}, PrivateUse::refused).empty();
  if (!refused) require(refuse_address(*ip, {}, PrivateUse::accepted).empty());
  FloorRules own;
  own.own = {*ip};
  require(!refuse_address(*ip, own, PrivateUse::accepted).empty());
  if (ip->v6) return 0;
  for (const Ip& form : {inside("::ffff:0:0", *ip, 12), inside("64:ff9b::", *ip, 12)}) {
    require(!refuse_address(form, {}, PrivateUse::refused).empty() == refused);
  }
  for (const Ip& form : {inside("::ffff:0:0", *ip, 12), inside("64:ff9b::", *ip, 12), inside("::", *ip, 12),
                         inside("2002::", *ip, 2), inside("2001::", *ip, 4)}) {
    require(!refuse_address(form, own, PrivateUse::accepted).empty());
  }
  return 0;
}
