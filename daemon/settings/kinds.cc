#include "settings/kinds.h"

#include <fmt/format.h>

#include <memory>

#include "settings/exec.h"
#include "settings/http.h"
#include "settings/probe.h"
#include "settings/proxy.h"
#include "settings/udp.h"
#include "settings/units.h"
#include "settings/upstreams.h"
#include "workloads/exec.h"
#include "workloads/http_respond.h"
#include "workloads/options.h"
#include "workloads/probe.h"
#include "workloads/tcp_discard.h"
#include "workloads/tcp_echo.h"
#include "workloads/tcp_proxy.h"
#include "workloads/udp_relay.h"

namespace evloopd::settings {
namespace {

using namespace workloads;
using Lines = std::vector<std::string>;

constexpr std::size_t KiB = 1024, GiB = 1024 * 1024 * KiB;

Kind tcp_echo() {
  return make_kind<TcpEchoOptions>("tcp.echo",
                                   {.read = [](Mapping&, const KindContext&) { return TcpEchoOptions{}; },
                                    .print = [](const TcpEchoOptions&, const Hidden&) { return Lines{}; },
                                    .make = [](const TcpEchoOptions&) { return std::make_unique<TcpEcho>(); }});
}

Kind tcp_discard() {
  return make_kind<TcpDiscardOptions>(
      "tcp.discard", {.read = [](Mapping&, const KindContext&) { return TcpDiscardOptions{}; },
                      .print = [](const TcpDiscardOptions&, const Hidden&) { return Lines{}; },
                      .make = [](const TcpDiscardOptions&) { return std::make_unique<TcpDiscard>(); }});
}

Kind http_respond() {
  return make_kind<HttpRespondOptions>(
      "http.respond",
      {.read = [](Mapping& keys, const KindContext&) { return read_http_respond(keys); },
       .print = print_http_respond,
       .make = [](const HttpRespondOptions& options) { return std::make_unique<HttpRespond>(options); }});
}

TcpProxyOptions read_tcp_proxy(Mapping& keys, const KindContext& context) {
  TcpProxyOptions options;
  options.upstreams = read_upstreams(keys, context.listeners, context.exec_checks);
  assign(options.buffer, keys["buffer"].size(4 * KiB, GiB));
  options.connection = read_connection(keys);
  return options;
}

Lines print_tcp_proxy(const TcpProxyOptions& options, const Hidden& hidden) {
  auto lines = print_upstreams(options.upstreams, hidden);
  lines.push_back(fmt::format("buffer: {}", format_size(options.buffer)));
  for (auto& line : print_connection(options.connection)) lines.push_back(std::move(line));
  return lines;
}

Kind tcp_proxy() {
  return make_kind<TcpProxyOptions>(
      "tcp.proxy", {.read = read_tcp_proxy, .print = print_tcp_proxy, .make = [](const TcpProxyOptions& options) {
                      return std::make_unique<TcpProxy>(options);
                    }});
}

Kind probe() {
  auto kind = make_kind<ProbeOptions>(
      "probe", {.read = [](Mapping& keys, const KindContext&) { return read_probe(keys); },
                .print = print_probe,
                .make = [](const ProbeOptions& options) { return std::make_unique<Probe>(options); }});
  kind.listens = host::Listens::nothing;
  return kind;
}

Kind exec() {
  auto kind =
      make_kind<ExecOptions>("exec", {.read = read_exec, .print = print_exec, .make = [](const ExecOptions& options) {
                                        return std::make_unique<Exec>(options);
                                      }});
  kind.listens = host::Listens::nothing;
  return kind;
}

Kind udp_relay() {
  auto kind = make_kind<UdpRelayOptions>(
      "udp.relay",
      {.read = [](Mapping& keys, const KindContext& context) { return read_udp_relay(keys, context.listeners); },
       .print = [](const UdpRelayOptions& options, const Hidden&) { return print_udp_relay(options); },
       .make = [](const UdpRelayOptions& options) { return std::make_unique<UdpRelay>(options); }});
  kind.listens = host::Listens::datagrams;
  return kind;
}

}  // namespace

const Kinds& standard_kinds() {
  static const Kinds kinds{tcp_echo(), tcp_discard(), http_respond(), tcp_proxy(), udp_relay(), probe(), exec()};
  return kinds;
}

}  // namespace evloopd::settings
