#include "workloads/upstreams/waiting_room.h"

#include <algorithm>

#include "aio/errors.h"

namespace evloopd::workloads {

bool WaitingRoom::join(const std::shared_ptr<Ticket>& ticket, Where where) {
  const std::lock_guard lock(mutex_);
  if (where == Where::end && queue_.size() >= most_) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  ticket->place_ = queue_.insert(where == Where::end ? queue_.end() : queue_.begin(), ticket);
  ticket->queued_ = true;
  size_.store(queue_.size(), std::memory_order_seq_cst);
  return true;
}

bool WaitingRoom::is_first(const Ticket& ticket) const {
  const std::lock_guard lock(mutex_);
  return !queue_.empty() && queue_.front().get() == &ticket;
}

void WaitingRoom::leave(Ticket& ticket) {
  const std::lock_guard lock(mutex_);
  if (!ticket.queued_) return;
  ticket.queued_ = false;
  const auto kept = std::move(*ticket.place_);
  queue_.erase(ticket.place_);
  size_.store(queue_.size(), std::memory_order_seq_cst);
}

void WaitingRoom::call_next() {
  while (size() > 0) {
    auto ticket = take_first();
    if (!ticket) return;
    const auto port = ticket->port_;
    try {
      port->call_soon_threadsafe([room = shared_from_this(), ticket = std::move(ticket)] {
        if (ticket->guest_) return ticket->guest_->called();
        room->call_next();
      });
      return;
    } catch (const evloop::LoopError&) {
      // Its loop has just been closed: the next one's turn.
    }
  }
}

std::shared_ptr<WaitingRoom::Ticket> WaitingRoom::take_first() {
  const std::lock_guard lock(mutex_);
  const auto first = std::ranges::find_if(queue_, [](const auto& ticket) { return ticket->port_->is_running(); });
  if (first == queue_.end()) return nullptr;
  auto ticket = std::move(*first);
  queue_.erase(first);
  ticket->queued_ = false;
  size_.store(queue_.size(), std::memory_order_seq_cst);
  return ticket;
}

}  // namespace evloopd::workloads
