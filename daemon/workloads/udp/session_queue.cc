#include "workloads/udp/session_queue.h"

#include <utility>

namespace evloopd::workloads {

SessionQueue::SessionQueue(evloop::EventLoop& loop, evloop::Duration patience, OnSilent on_silent)
    : loop_(loop), patience_(patience), on_silent_(std::move(on_silent)) {}

void SessionQueue::touch(UdpSession& session, evloop::TimePoint now) {
  leave(session);
  session.queue = this;
  session.last = now;
  sessions_.push_back(session);
  if (!timed_) await_first();
}

void SessionQueue::leave(UdpSession& session) noexcept {
  if (auto* const queue = std::exchange(session.queue, nullptr)) queue->sessions_.remove(session);
}

void SessionQueue::await_first() {
  timed_ = true;
  timer_ = loop_.call_at(sessions_.front()->last + patience_, [this] {
    timed_ = false;
    end_silent();
  });
}

void SessionQueue::end_silent() {
  const auto silent_since = loop_.time() - patience_;
  while (!sessions_.empty() && sessions_.front()->last <= silent_since) on_silent_(*sessions_.front());
  if (!sessions_.empty()) await_first();
}

}  // namespace evloopd::workloads
