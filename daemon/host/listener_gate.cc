#include "host/listener_gate.h"

#include <utility>

#include "host/listener_place.h"

namespace evloopd::host {
namespace {

// Connections taken from one socket in one turn, so that what is open has its turn too.
constexpr int accepts_per_turn = 64;

}  // namespace

std::shared_ptr<ListenerGate> ListenerGate::open(evloop::EventLoop& loop, SharedSocket socket, WorkloadShare& share,
                                                 const std::atomic<bool>& barred) {
  std::shared_ptr<ListenerGate> gate(new ListenerGate(loop, std::move(socket), share, barred));
  gate->acceptor_.start();
  return gate;
}

ListenerGate::ListenerGate(evloop::EventLoop& loop, SharedSocket socket, WorkloadShare& share,
                           const std::atomic<bool>& barred)
    : loop_(loop),
      socket_(std::move(socket)),
      limit_(*socket_->limit),
      share_(share),
      barred_(barred),
      acceptor_(
          loop, socket_->fd.get(), accepts_per_turn,
          [this](evloop::UniqueFd connection) { accepted(std::move(connection)); }, this) {}

ListenerGate::~ListenerGate() {
  timer_.cancel();
  limit_.forget(*this);
}

bool ListenerGate::opens() {
  if (barred_.load(std::memory_order_relaxed)) return false;
  return !limit_.is_set() || let_in();
}

bool ListenerGate::let_in() {
  const auto now = loop_.time();
  auto wait = limit_.enter(now);
  if (wait > evloop::Duration::zero()) {
    // Whether there is anybody else shows in the next turn.
    if (std::exchange(has_accepted_, false)) return false;
    wait = limit_.enter_or_wait(*this, now);
  }
  entered_ = wait == evloop::Duration::zero();
  if (entered_) return true;
  acceptor_.suspend();
  if (wait != ListenerLimit::until_woken) timer_ = loop_.call_later(wait, [this] { go_on(); });
  return false;
}

void ListenerGate::nobody_came() noexcept {
  if (std::exchange(entered_, false)) limit_.stayed_away();
}

void ListenerGate::accepted(evloop::UniqueFd connection) {
  ListenerPlace place;
  if (std::exchange(entered_, false)) {
    place = ListenerPlace(socket_->limit);
    has_accepted_ = true;
  }
  share_.accepted({.socket = std::move(connection), .place = std::move(place)});
}

// The post may come when the gate has gone, or waits for something else.
void ListenerGate::wake() noexcept {
  loop_.port()->post([gate = weak_from_this()] {
    if (const auto alive = gate.lock()) alive->go_on();
  });
}

void ListenerGate::go_on() {
  if (!acceptor_.is_suspended()) return;
  timer_.cancel();
  limit_.forget(*this);
  acceptor_.resume();
}

}  // namespace evloopd::host
