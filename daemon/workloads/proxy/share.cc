#include "workloads/proxy/share.h"

#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "aio/errors.h"
#include "workloads/proxy/dial.h"
#include "workloads/proxy/greeting.h"
#include "workloads/proxy/proxy_header.h"
#include "workloads/proxy/session.h"
#include "workloads/proxy/tunnel.h"

namespace evloopd::workloads {
namespace {

template <class T>
void destroy(LinkedList<T>& list, T& element) noexcept {
  list.remove(element);
  delete &element;
}

// Fine enough for the shortest timeout, and coarse where nobody sees it.
evloop::Duration tick_for(const ProxyTimeouts& timeouts) {
  evloop::Duration tick = std::chrono::seconds(1);
  for (const auto timeout : {timeouts.first_byte, timeouts.idle, timeouts.half_close, timeouts.lifetime})
    if (timeout > evloop::Duration::zero()) tick = std::min(tick, timeout / 16);
  return std::max<evloop::Duration>(tick, std::chrono::milliseconds(1));
}

// A fresh socket takes it all.
bool send_header(const Session& session, ProxyHeaderVersion version, int fd) {
  ProxyHeader header{.source = session.client, .destination = session.local, .tls = {}};
  if (session.tls) header.tls = *session.tls;
  const auto text = version == ProxyHeaderVersion::v1 ? proxy_header_v1(header) : proxy_header_v2(header);
  return ::send(fd, text.data(), text.size(), MSG_NOSIGNAL) == std::ssize(text);
}

}  // namespace

ProxyConfig::ProxyConfig(TcpProxyOptions given)
    : options(std::move(given)),
      upstreams(std::make_shared<Pool>(options.upstreams)),
      admission(options.connection.access, options.connection.limits) {
  const auto& connection = options.connection;
  for (const auto& text : connection.proxy_protocol.from) {
    const auto network = Network::parse(text);
    if (!network) throw evloop::ValueError("'" + text + "' is no network");
    header_senders.set(*network, true);
  }
  if (!connection.access_log.path.empty()) access_log = std::make_unique<AccessLog>(connection.access_log.path);
  needs_addresses = access_log || admission.needs_source() || !header_senders.empty() ||
                    hashes_source(options.upstreams.balance) ||
                    connection.proxy_protocol.send != ProxyHeaderVersion::none;
}

ProxyShare::ProxyShare(evloop::EventLoop& loop, ProxyConfig& config, host::WorkloadCounters& counters)
    : loop_(loop),
      config_(config),
      counters_(counters),
      open_(counters),
      tally_(loop, counters),
      book_(loop, config.ends, config.access_log.get()),
      wheel_(loop, tick_for(config.options.connection.timeouts)),
      upstreams_(loop, config.upstreams) {}

ProxyShare::~ProxyShare() {
  cut_those_without_tunnel(EndReason::aborted);
  while (auto* tunnel = tunnels_.front()) {
    tunnels_.remove(*tunnel);
    tunnel->orphan();
  }
}

void ProxyShare::accepted(evloop::UniqueFd connection) {
  draining_ = false;
  const auto now = loop_.time();
  auto session = std::make_unique<Session>(book_, now);
  if (config_.needs_addresses) {
    session->client = IpEndpoint::peer(connection.get());
    session->local = IpEndpoint::local(connection.get());
  }
  session->socket = std::move(connection);
  if (const auto refused = config_.admission.accept(session->ticket, now)) return session->end(*refused);
  if (!config_.header_senders.find(session->client.address)) return admit(std::move(session));
  session->slot = OpenConnections::Slot(open_);
  auto& greeting = *new Greeting(*this, std::move(session));
  greetings_.push_back(greeting);
  greeting.start();
}

void ProxyShare::greeted(Greeting& greeting) {
  auto session = std::move(greeting.session);
  destroy(greetings_, greeting);
  admit(std::move(session));
}

void ProxyShare::admit(std::unique_ptr<Session> session) {
  if (const auto refused = config_.admission.admit(session->ticket, session->client.address))
    return session->end(*refused);
  if (!session->slot) session->slot = OpenConnections::Slot(open_);
  auto& dial = *new Dial(*this, std::move(session));
  dials_.push_back(dial);
  dial.start();
}

void ProxyShare::connected(Dial& dial) {
  auto session = std::move(dial.session);
  auto upstream = std::move(dial.upstream.socket);
  auto place = std::move(dial.upstream.place);
  destroy(dials_, dial);
  session->upstream = place.endpoint().name();
  session->connected = loop_.time();
  const auto version = config_.options.connection.proxy_protocol.send;
  if (version != ProxyHeaderVersion::none && !send_header(*session, version, upstream.get()))
    return session->end(EndReason::upstream_reset);
  auto& tunnel = *new Tunnel(*this, std::move(place), std::move(session));
  tunnels_.push_back(tunnel);
  tunnel.start(std::move(upstream));
}

void ProxyShare::gave_up(Greeting& greeting) { destroy(greetings_, greeting); }

void ProxyShare::gave_up(Dial& dial) {
  counters_.connections_failed.fetch_add(1, std::memory_order_relaxed);
  destroy(dials_, dial);
}

void ProxyShare::left(Tunnel& tunnel) noexcept { tunnels_.remove(tunnel); }

void ProxyShare::abort() {
  const auto reason = draining_ ? EndReason::drained : EndReason::aborted;
  cut_those_without_tunnel(reason);
  for (auto* tunnel = tunnels_.front(); tunnel; tunnel = tunnel->next()) tunnel->abort(reason);
}

void ProxyShare::cut_those_without_tunnel(EndReason reason) noexcept {
  while (auto* greeting = greetings_.front()) {
    greeting->session->end(reason);
    destroy(greetings_, *greeting);
  }
  while (auto* dial = dials_.front()) {
    dial->session->end(reason);
    destroy(dials_, *dial);
  }
}

}  // namespace evloopd::workloads
