#include "workloads/udp/share.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>
#include <utility>
#include <vector>

#include "net/os_error.h"
#include "workloads/proxy/ip_address.h"
#include "workloads/upstreams/hash.h"

namespace evloopd::workloads {
namespace {

constexpr int upstreams_for_one_client = 3;

// One that refuses is left alone for a while. If all do, each is tried as if none did.
UpstreamsOptions pool_options(const UdpRelayOptions& options) {
  UpstreamsOptions pool;
  pool.list = options.upstreams;
  pool.balance = options.balance;
  pool.ejection.failures = 1;
  pool.ejection.most = 100;
  pool.all_down = AllDown::use_all;
  return pool;
}

ProxyLimits limits_of(const UdpRelayOptions& options) {
  ProxyLimits limits;
  limits.connections = options.most;
  limits.per_source = options.per_source;
  return limits;
}

const sockaddr_in& v4(const evloop::SocketAddress& address) {
  return *reinterpret_cast<const sockaddr_in*>(address.data());
}
const sockaddr_in6& v6(const evloop::SocketAddress& address) {
  return *reinterpret_cast<const sockaddr_in6*>(address.data());
}

IpAddress ip_of(const evloop::SocketAddress& address) {
  return address.family() == AF_INET ? IpAddress::v4(&v4(address).sin_addr) : IpAddress::v6(&v6(address).sin6_addr);
}

// Nobody is there to take datagrams, as somebody on the way has said.
bool is_gone(int error) {
  return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH || error == EHOSTDOWN ||
         error == ENETDOWN;
}

// No fault of the upstream's: this process or machine has no more to give.
bool is_own_fault(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM || error == EADDRNOTAVAIL ||
         error == EAGAIN;
}

// 0 or an errno.
int connect_to(const evloop::SocketAddress& address, evloop::UniqueFd& socket) {
  socket.reset(::socket(address.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return errno;
  return ::connect(socket.get(), address.data(), address.length()) == 0 ? 0 : errno;
}

std::uint64_t random_seed() {
  std::random_device random;
  return std::uint64_t{random()} << 32U | random();
}

}  // namespace

UdpRelayConfig::UdpRelayConfig(UdpRelayOptions relay)
    : options(std::move(relay)),
      pool(std::make_shared<Pool>(pool_options(options))),
      admission(ProxyAccess{}, limits_of(options)) {}

UdpShare::UdpShare(evloop::EventLoop& loop, UdpRelayConfig& config, host::WorkloadCounters& counters)
    : loop_(loop),
      config_(config),
      counters_(counters),
      open_(counters),
      tally_(loop, counters),
      upstreams_(loop, config.pool),
      batch_(config.options.max_datagram),
      live_(loop, config.options.idle, [this](UdpSession& session) { end(session, UdpEnd::idle_timeout); }),
      leaving_(loop, std::min<evloop::Duration>(config.options.idle, time_for_answers),
               [this](UdpSession& session) { end(session, UdpEnd::moved); }),
      sessions_(0, Hash{random_seed()}) {}

std::size_t UdpShare::Hash::operator()(const Key& key) const noexcept {
  std::uint64_t at[2];
  std::memcpy(at, key.destination.bytes.data(), sizeof at);
  const auto start = mix(mix(seed ^ reinterpret_cast<std::uintptr_t>(key.listener) ^ at[0]) ^ at[1]);
  if (key.client.family() == AF_INET)
    return mix(start ^ (std::uint64_t{v4(key.client).sin_addr.s_addr} << 16U | v4(key.client).sin_port));
  std::uint64_t halves[2];
  std::memcpy(halves, &v6(key.client).sin6_addr, sizeof halves);
  return mix(mix(mix(start ^ halves[0]) ^ halves[1]) ^ v6(key.client).sin6_port);
}

// --- from clients ---

void UdpShare::datagrams_wait(const host::SharedSocket& socket) {
  const auto received = batch_.receive(socket->fd.get());
  if (received.count == 0) return;
  const auto now = loop_.time();
  for (std::size_t first = 0; first < received.count;) {
    if (!batch_.is_whole(first)) {
      config_.counts.dropped.add(UdpDrop::oversize);
      ++first;
      continue;
    }
    // One after the other from the same client go on in one call.
    const auto client = batch_.sender(first);
    const auto destination = batch_.destination(first);
    const auto goes_with_it = [&](std::size_t index) {
      return batch_.is_whole(index) && batch_.sender(index) == client && batch_.destination(index) == destination;
    };
    auto next = first + 1;
    while (next < received.count && goes_with_it(next)) ++next;
    if (auto* const session = session_of(client, destination, socket, now)) {
      live_.touch(*session, now);
      to_upstream(*session, first, next - first, now);
    } else {
      next = first + 1;  // each is counted by its reason
    }
    first = next;
  }
}

UdpSession* UdpShare::session_of(const evloop::SocketAddress& client, const IpAddress& destination,
                                 const host::SharedSocket& listener, evloop::TimePoint now) {
  const Key key{.client = client, .destination = destination, .listener = listener.get()};
  if (const auto found = sessions_.find(key); found != sessions_.end()) return found->second.get();
  auto session = begin(client, destination, listener, now);
  if (!session) return nullptr;
  return sessions_.emplace(key, std::move(session)).first->second.get();
}

std::unique_ptr<UdpSession> UdpShare::begin(const evloop::SocketAddress& client, const IpAddress& destination,
                                            const host::SharedSocket& listener, evloop::TimePoint now) {
  auto session = std::make_unique<UdpSession>(loop_, client, destination, listener);
  auto& admission = config_.admission;
  if (admission.accept(session->ticket, now)) {
    config_.counts.dropped.add(UdpDrop::session_limit);
    return nullptr;
  }
  if (admission.needs_source() && admission.admit(session->ticket, ip_of(client))) {
    config_.counts.dropped.add(UdpDrop::source_limit);
    return nullptr;
  }
  if (!connect(*session, now)) return nullptr;
  session->slot = OpenConnections::Slot(open_);
  loop_.add_reader(session->upstream.get(), [this, session = session.get()] { answers_wait(*session); });
  return session;
}

// Connecting a datagram socket tells nobody: an upstream that is not there shows with the first datagram. It fails only
// where there is no way.
bool UdpShare::connect(UdpSession& session, evloop::TimePoint now) {
  const auto key = upstreams_.hashes_source() ? source_key(session.client) : 0;
  std::vector<const Endpoint*> tried;
  while (tried.size() < upstreams_for_one_client) {
    auto place = upstreams_.take(key, tried, now);
    if (!place) break;
    auto& endpoint = place.endpoint();
    const int error = connect_to(endpoint.address(), session.upstream);
    if (error == 0) {
      endpoint.counters().connect_times.add(evloop::Duration::zero());
      session.place = std::move(place);
      return true;
    }
    session.upstream.reset();
    if (is_own_fault(error)) {
      config_.pool->cannot_connect(endpoint, evloop::error_text(error), now);
      config_.counts.dropped.add(UdpDrop::no_socket);
      return false;
    }
    config_.pool->connect_failed(endpoint, evloop::error_text(error), now);
    tried.push_back(&endpoint);
  }
  config_.counts.dropped.add(UdpDrop::no_upstream);
  return false;
}

void UdpShare::to_upstream(UdpSession& session, std::size_t first, std::size_t count, evloop::TimePoint now) {
  const auto end = first + count;
  std::size_t sent = 0;
  while (first < end) {
    const auto progress = batch_.send(session.upstream.get(), first, end - first);
    for (auto i = first; i < first + progress.count; ++i) tally_.in(batch_.size(i));
    sent += progress.count;
    first += progress.count;
    if (progress.error == 0) break;
    if (is_gone(progress.error)) {
      config_.counts.dropped.add(UdpDrop::refused, end - first);
      upstream_gone(session, progress.error, now);
      break;
    }
    config_.counts.dropped.add(UdpDrop::not_sent);
    ++first;
  }
  if (sent > 0) config_.counts.relayed.add(UdpDirection::to_upstream, sent);
}

// --- from upstreams ---

void UdpShare::answers_wait(UdpSession& session) {
  const auto received = batch_.receive(session.upstream.get());
  const auto now = loop_.time();
  if (is_gone(received.error)) return upstream_gone(session, received.error, now);
  if (received.count == 0) return;
  session.queue->touch(session, now);
  session.place.endpoint().connected();
  for (std::size_t first = 0; first < received.count;) {
    auto next = first;
    while (next < received.count && batch_.is_whole(next)) ++next;
    to_client(session, first, next - first);
    if (next < received.count) config_.counts.dropped.add(UdpDrop::oversize);
    first = next + 1;
  }
}

void UdpShare::to_client(UdpSession& session, std::size_t first, std::size_t count) {
  const auto end = first + count;
  std::size_t sent = 0;
  while (first < end) {
    const auto progress =
        batch_.send(session.listener->fd.get(), first, end - first, &session.client, session.destination);
    for (auto i = first; i < first + progress.count; ++i) tally_.out(batch_.size(i));
    sent += progress.count;
    first += progress.count;
    if (progress.error == 0) break;
    config_.counts.dropped.add(UdpDrop::not_sent);
    ++first;
  }
  if (sent > 0) config_.counts.relayed.add(UdpDirection::to_client, sent);
}

// --- the end of a session ---

void UdpShare::upstream_gone(UdpSession& session, int error, evloop::TimePoint now) {
  config_.pool->connect_failed(session.place.endpoint(), evloop::error_text(error), now);
  counters_.connections_failed.fetch_add(1, std::memory_order_relaxed);
  end(session, UdpEnd::refused);
}

void UdpShare::end(UdpSession& session, UdpEnd why) {
  config_.counts.ended.add(why);
  SessionQueue::leave(session);
  sessions_.erase(
      Key{.client = session.client, .destination = session.destination, .listener = session.listener.get()});
}

void UdpShare::datagrams_end(const host::SharedSocket& socket) {
  const auto now = loop_.time();
  for (const auto& [key, session] : sessions_)
    if (key.listener == socket.get() && session->queue == &live_) leaving_.touch(*session, now);
}

void UdpShare::abort() {
  for (auto* queue : {&live_, &leaving_})
    while (auto* session = queue->front()) end(*session, UdpEnd::aborted);
}

}  // namespace evloopd::workloads
