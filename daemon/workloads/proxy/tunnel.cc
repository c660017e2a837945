#include "workloads/proxy/tunnel.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "workloads/proxy/faulty_end.h"
#include "workloads/proxy/share.h"
#include "workloads/proxy/tunnel_end.h"

namespace evloopd::workloads {
namespace {

using evloop::Duration;

// A timeout is at most this part of itself late.
constexpr int looks = 4;

}  // namespace

Tunnel::Tunnel(ProxyShare& share, std::unique_ptr<Session> session) noexcept
    : share_(&share), session_(std::move(session)), active_(*session_->connected) {}

void Tunnel::start(Socket upstream) {
  const auto faults = share_->config().faults.for_next_connection();
  using EndRef = evloop::Ref<End>;
  if (!faults) [[likely]]
    return connect(EndRef(new End(*this, &ByteTally::in)), EndRef(new End(*this, &ByteTally::out)),
                   std::move(upstream));
  const auto buffer = share_->config().options.buffer;
  const auto to_client = faults->towards(host::FaultDirection::to_client, buffer);
  const auto to_upstream = faults->towards(host::FaultDirection::to_upstream, buffer);
  connect(EndRef(new FaultyEnd(*this, &ByteTally::in, to_client)),
          EndRef(new FaultyEnd(*this, &ByteTally::out, to_upstream)), std::move(upstream));
}

void Tunnel::connect(const evloop::Ref<End>& near, const evloop::Ref<End>& far, Socket upstream) {
  client_ = near.get();
  upstream_ = far.get();
  near->open(session_->transport ? Socket(std::move(session_->transport)) : Socket(std::move(session_->socket)), *far);
  far->open(std::move(upstream), *near);
  if (auto early = std::exchange(session_->early, {}); !early.empty())
    near->data_received({early.data(), early.size()});
  near->begin();
  far->begin();
  watch_times(active_);
}

void Tunnel::abort(EndReason reason) {
  session_->end(reason);
  if (client_) client_->abort();
  if (upstream_) upstream_->abort();
}

void Tunnel::orphan() {
  share_->wheel().leave(*this);
  abort(EndReason::aborted);
  session_.reset();
  share_ = nullptr;
}

// --- what the ends tell ---

void Tunnel::delivered() noexcept { active_ = share_->loop().time(); }

void Tunnel::reset() {
  if (!session_) return;
  session_->end(EndReason::fault_reset);
  if (client_) client_->reset();
  if (upstream_) upstream_->reset();
}

void Tunnel::first_byte(const End& from) noexcept {
  if (&from != upstream_) return;
  session_->first_byte = share_->loop().time();
  session_->place.served();
}

void Tunnel::ended(const End& end) {
  session_->closed_first(&end == client_ ? EndReason::client_closed : EndReason::upstream_closed);
  if (std::exchange(half_closed_, true)) return;
  // Another timeout counts from here on.
  const auto now = share_->loop().time();
  active_ = now;
  moved_ = moved();
  watch_times(now);
}

void Tunnel::failed(const End& end) noexcept {
  if (!session_) return;
  if (&end == upstream_ && !session_->first_byte) session_->place.reset_early(share_->loop().time());
  session_->end(&end == client_ ? EndReason::client_reset : EndReason::upstream_reset);
}

void Tunnel::lost(End& end) noexcept {
  if (session_) (&end == client_ ? session_->bytes_in : session_->bytes_out) = end.received();
  (&end == client_ ? client_ : upstream_) = nullptr;
  if (client_ || upstream_) return;
  if (share_) {
    share_->wheel().leave(*this);
    share_->left(*this);
  }
  delete this;
}

// --- time ---

std::uint64_t Tunnel::moved() const noexcept {
  return (client_ ? client_->received() : session_->bytes_in) +
         (upstream_ ? upstream_->received() : session_->bytes_out);
}

void Tunnel::look() {
  const auto now = share_->loop().time();
  if (const auto all = moved(); all != moved_) {
    moved_ = all;
    active_ = now;
  }
  watch_times(now);
}

// Ends what is over its time, or has it looked at again.
void Tunnel::watch_times(evloop::TimePoint now) {
  const auto& timeouts = share_->config().options.connection.timeouts;
  auto next = Duration::max();
  const auto is_over = [&](Duration timeout, evloop::TimePoint since, Duration look_after) {
    if (timeout <= Duration::zero()) return false;
    const auto left = timeout - (now - since);
    next = std::min({next, left, look_after});
    return left <= Duration::zero();
  };
  if (is_over(timeouts.lifetime, session_->accepted, timeouts.lifetime)) return abort(EndReason::lifetime);
  if (!session_->first_byte && is_over(timeouts.first_byte, *session_->connected, timeouts.first_byte))
    return abort(EndReason::first_byte_timeout);
  const auto [quiet, reason] = half_closed_ && timeouts.half_close > Duration::zero()
                                   ? std::pair(timeouts.half_close, EndReason::half_close_timeout)
                                   : std::pair(timeouts.idle, EndReason::idle_timeout);
  if (is_over(quiet, active_, quiet / looks)) return abort(reason);
  if (next < Duration::max()) share_->wheel().join(*this, next);
}

}  // namespace evloopd::workloads
