#include "workloads/proxy/share.h"

#include <sys/socket.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "aio/errors.h"
#include "net/tls/tls_session.h"
#include "workloads/proxy/dial.h"
#include "workloads/proxy/greeting.h"
#include "workloads/proxy/proxy_header.h"
#include "workloads/proxy/session.h"
#include "workloads/proxy/tls_handshake.h"
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

// The workload's options with another list.
std::shared_ptr<Pool> make_pool(const UpstreamsOptions& options, const std::vector<std::string>& addresses) {
  auto changed = options;
  changed.list.clear();
  for (const auto& address : addresses) changed.list.push_back({.address = address});
  return std::make_shared<Pool>(std::move(changed));
}

evloop::TlsTimeouts tls_timeouts(const ProxyTimeouts& timeouts) {
  evloop::TlsTimeouts result;
  if (timeouts.greeting > evloop::Duration::zero()) result.handshake = timeouts.greeting;
  return result;
}

// One for each protocol that a client may have agreed on, and one for none.
std::map<std::string, evloop::TlsClient> make_clients(const ConnectionOptions& options) {
  const auto& connect = options.tls_connect;
  evloop::TlsClientSettings settings;
  if (!connect.ca.empty()) settings.ca = evloop::Pem::file(connect.ca);
  settings.verify = connect.verify ? evloop::TlsVerify::required : evloop::TlsVerify::none;
  if (!connect.certificate.empty()) settings.identity.certificate_chain = evloop::Pem::file(connect.certificate);
  auto protocols = options.tls_listen.alpn;
  protocols.emplace_back();
  std::map<std::string, evloop::TlsClient> clients;
  for (const auto& protocol : protocols) {
    settings.alpn.clear();
    if (!protocol.empty()) settings.alpn.push_back(protocol);
    clients[protocol] = evloop::tls_client(
        {.context = evloop::TlsContext::client(settings), .timeouts = tls_timeouts(options.timeouts)});
  }
  return clients;
}

// A fresh socket takes it all.
bool send_header(const Session& session, ProxyHeaderVersion version, int fd) {
  ProxyHeader header{.source = session.client, .destination = session.local, .tls = {}};
  if (session.tls) header.tls = *session.tls;
  const auto text = version == ProxyHeaderVersion::v1 ? proxy_header_v1(header) : proxy_header_v2(header);
  return ::send(fd, text.data(), text.size(), MSG_NOSIGNAL) == std::ssize(text);
}

}  // namespace

evloop::TlsUse ProxyConfig::tls_to(const Session& session, const evloop::SocketAddress& upstream) const {
  const auto& wanted = options.connection.tls_connect.server_name;
  auto name = !wanted.empty() ? wanted : session.tls ? session.tls->server_name : std::string();
  if (name.empty() && upstream.is_inet()) name = upstream.host();
  const auto client = tls_clients.find(session.tls ? session.tls->alpn : std::string());
  return {.layer = client == tls_clients.end() ? tls_clients.at("") : client->second,
          .server_hostname = std::move(name)};
}

ProxyConfig::ProxyConfig(TcpProxyOptions given)
    : options(std::move(given)),
      admission(options.connection.access, options.connection.limits),
      faults(options.connection.faults) {
  const auto& connection = options.connection;
  for (const auto& text : connection.proxy_protocol.from) {
    const auto network = Network::parse(text);
    if (!network) throw evloop::ValueError("'" + text + "' is no network");
    header_senders.set(*network, true);
  }
  if (!connection.access_log.path.empty()) access_log = std::make_unique<AccessLog>(connection.access_log.path);
  pools.push_back(std::make_shared<Pool>(options.upstreams));
  for (const auto& route : connection.routes) {
    routes.add(route.server_name, pools.size());
    pools.push_back(make_pool(options.upstreams, route.upstreams));
  }
  if (!connection.tls_listen.certificates.empty())
    certificates = std::make_shared<Certificates>(connection.tls_listen, tls_timeouts(connection.timeouts));
  if (connection.tls_connect.enabled) tls_clients = make_clients(connection);
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
      wheel_(loop, tick_for(config.options.connection.timeouts)) {
  for (const auto& pool : config.pools) upstreams_.push_back(std::make_unique<UpstreamShare>(loop, pool));
}

ProxyShare::~ProxyShare() {
  cut_those_without_tunnel(EndReason::aborted);
  while (auto* tunnel = tunnels_.front()) {
    tunnels_.remove(*tunnel);
    tunnel->orphan();
  }
}

void ProxyShare::accepted(host::Accepted connection) {
  draining_ = false;
  const auto now = loop_.time();
  auto session = std::make_unique<Session>(book_, now);
  if (config_.needs_addresses) {
    session->client = IpEndpoint::peer(connection.socket.get());
    session->local = IpEndpoint::local(connection.socket.get());
  }
  session->socket = std::move(connection.socket);
  session->listener_place = std::move(connection.place);
  if (const auto refused = config_.admission.accept(session->ticket, now)) return session->end(*refused);
  Greeting::Expected expected{.header = config_.header_senders.find(session->client.address) != nullptr,
                              .hello = !config_.certificates && !config_.routes.empty()};
  if (!expected.header && !expected.hello) return admit(std::move(session));
  session->slot = OpenConnections::Slot(open_);
  auto& greeting = *new Greeting(*this, std::move(session), expected);
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
  if (!config_.certificates) return dial(std::move(session));
  look_at_certificates();
  auto socket = std::move(session->socket);
  handshake(*new TlsHandshake(*this, TlsHandshake::Side::client, std::move(session)), std::move(socket),
            {.layer = config_.certificates->server()});
}

void ProxyShare::handshake(TlsHandshake& handshake, evloop::UniqueFd socket, const evloop::TlsUse& tls) {
  handshakes_.push_back(handshake);
  try {
    handshake.start(std::move(socket), tls);
  } catch (const evloop::ValueError&) {  // a name that no server can have
    handshake.session->end(EndReason::upstream_tls_failed);
    destroy(handshakes_, handshake);
  }
}

void ProxyShare::secured(TlsHandshake& handshake) {
  auto session = std::move(handshake.session);
  auto transport = std::move(handshake.transport);
  const auto side = handshake.side;
  destroy(handshakes_, handshake);
  if (side == TlsHandshake::Side::upstream) return tunnel(std::move(session), std::move(transport));
  const auto& tls = *transport->tls();
  session->tls = std::make_unique<TlsFacts>(TlsFacts{.version = std::string(tls.version()),
                                                     .server_name = tls.server_name(),
                                                     .alpn = std::string(tls.alpn_protocol())});
  session->transport = std::move(transport);
  dial(std::move(session));
}

// Files are looked at on another thread, now and then, when a client comes.
void ProxyShare::look_at_certificates() {
  constexpr evloop::Duration interval = std::chrono::seconds(10);
  const auto now = loop_.time().time_since_epoch().count();
  auto due = config_.look_at_files_at.load(std::memory_order_relaxed);
  if (now < due || !config_.look_at_files_at.compare_exchange_strong(due, now + interval.count())) return;
  if (due == 0) return;  // they have just been read
  std::ignore = loop_.run_in_executor(
      nullptr, [certificates = config_.certificates] { return certificates->reload_if_changed(); });
}

UpstreamShare& ProxyShare::upstreams_for(std::string_view server_name) noexcept {
  const auto* const route = config_.routes.find(server_name);
  return *upstreams_[route ? *route : 0];
}

void ProxyShare::dial(std::unique_ptr<Session> session) {
  auto& upstreams = upstreams_for(session->tls ? session->tls->server_name : std::string_view());
  auto& dial = *new Dial(*this, std::move(session), upstreams);
  dials_.push_back(dial);
  dial.start();
}

void ProxyShare::connected(Dial& dial) {
  auto session = std::move(dial.session);
  auto upstream = std::move(dial.upstream.socket);
  session->place = std::move(dial.upstream.place);
  destroy(dials_, dial);
  session->connected = loop_.time();
  const auto version = config_.options.connection.proxy_protocol.send;
  if (version != ProxyHeaderVersion::none && !send_header(*session, version, upstream.get()))
    return session->end(EndReason::upstream_reset);
  if (config_.tls_clients.empty()) return tunnel(std::move(session), std::move(upstream));
  const auto tls = config_.tls_to(*session, session->place.endpoint().address());
  handshake(*new TlsHandshake(*this, TlsHandshake::Side::upstream, std::move(session)), std::move(upstream), tls);
}

void ProxyShare::tunnel(std::unique_ptr<Session> session, Tunnel::Socket upstream) {
  if (session->transport && session->transport->is_closing()) return session->end(EndReason::client_left);
  auto& tunnel = *new Tunnel(*this, std::move(session));
  tunnels_.push_back(tunnel);
  tunnel.start(std::move(upstream));
}

void ProxyShare::gave_up(Greeting& greeting) { destroy(greetings_, greeting); }

void ProxyShare::gave_up(TlsHandshake& handshake) {
  if (handshake.side == TlsHandshake::Side::upstream)
    counters_.connections_failed.fetch_add(1, std::memory_order_relaxed);
  destroy(handshakes_, handshake);
}

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
  while (auto* handshake = handshakes_.front()) {
    handshake->session->end(reason);
    destroy(handshakes_, *handshake);
  }
  while (auto* dial = dials_.front()) {
    dial->session->end(reason);
    destroy(dials_, *dial);
  }
}

}  // namespace evloopd::workloads
