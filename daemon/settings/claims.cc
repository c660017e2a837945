#include "settings/claims.h"

#include <fmt/format.h>

namespace evloopd::settings {

void Claims::claim(const Address& address, const Value& by, host::Listens listens) {
  // Each socket that asks for port 0 gets another one.
  if (address.family != Address::Family::unix_socket && address.port == 0) return;
  const auto where = by.present() ? fmt::format("in line {}", by.position().line) : "by default";
  const auto key = (listens == host::Listens::datagrams ? "udp:" : "") + address.to_string();
  const auto [owner, fresh] = owners_.try_emplace(key, fmt::format("{} {}", by.path(), where));
  if (!fresh) by.refuse(fmt::format("{} is already taken, by {}", address.to_string(), owner->second));
}

}  // namespace evloopd::settings
