#include "settings/udp.h"

#include <fmt/format.h>

#include <chrono>

#include "settings/text.h"
#include "settings/units.h"
#include "settings/upstreams.h"
#include "settings/words.h"

namespace evloopd::settings {

using namespace std::chrono_literals;

workloads::UdpRelayOptions read_udp_relay(Mapping& keys, const std::vector<Address>& listeners) {
  workloads::UdpRelayOptions options;
  options.upstreams = read_datagram_upstreams(keys["upstreams"], listeners);
  assign(options.balance, keys["balance"].choice_of<workloads::Balance>(balance_words));
  const auto read = [](const Value& place, int least, std::uint32_t& number) {
    if (const auto given = place.integer(least, 1'000'000)) number = static_cast<std::uint32_t>(*given);
  };
  auto sessions = keys["sessions"].mapping();
  assign(options.idle, sessions["idle"].duration(1ms, 24h));
  read(sessions["most"], 1, options.most);
  read(sessions["per_source"], 0, options.per_source);
  sessions.finish();
  assign(options.max_datagram, keys["max_datagram"].size(1, 65535));
  return options;
}

std::vector<std::string> print_udp_relay(const workloads::UdpRelayOptions& options) {
  auto lines = print_upstream_list(options.upstreams);
  lines.push_back(fmt::format("balance: {}", word_of(balance_words, options.balance)));
  lines.push_back(fmt::format("sessions: {{idle: {}, most: {}, per_source: {}}}", format_duration(options.idle),
                              options.most, options.per_source));
  lines.push_back(fmt::format("max_datagram: {}", format_size(options.max_datagram)));
  return lines;
}

}  // namespace evloopd::settings
