#include "aio/barrier.h"

#include <array>

#include "aio/settled.h"

namespace evloop {
namespace {

std::size_t checked(std::int64_t parties) {
  if (parties < 1) throw ValueError("parties must be >= 1");
  return static_cast<std::size_t>(parties);
}

}  // namespace

Barrier::Barrier(std::int64_t parties) : parties_(checked(parties)) {}

Coro<std::size_t> Barrier::wait() {
  const auto held = co_await changed_.scoped();
  co_await wait_for_round();
  const auto index = count_++;
  Outcome<void> waited;
  if (count_ == parties_) {
    // Whoever comes now waits until all of this round have left.
    state_ = State::draining;
    changed_.notify_all();
  } else {
    waited = co_await settled(wait_for_others());
  }
  --count_;
  leave();
  if (waited.error()) std::rethrow_exception(waited.error());
  co_return index;
}

Coro<void> Barrier::wait_for_round() {
  co_await changed_.wait_for([this] { return state_ != State::draining && state_ != State::resetting; });
  if (state_ == State::broken) throw BrokenBarrierError("Barrier aborted");
}

Coro<void> Barrier::wait_for_others() {
  co_await changed_.wait_for([this] { return state_ != State::filling; });
  if (state_ == State::broken || state_ == State::resetting) throw BrokenBarrierError("Abort or reset of barrier");
}

// The last one of a round lets the next round in.
void Barrier::leave() {
  if (count_ > 0) return;
  if (state_ == State::resetting || state_ == State::draining) state_ = State::filling;
  changed_.notify_all();
}

Coro<void> Barrier::reset() {
  const auto held = co_await changed_.scoped();
  state_ = count_ > 0 ? State::resetting : State::filling;
  changed_.notify_all();
}

Coro<void> Barrier::abort() {
  const auto held = co_await changed_.scoped();
  state_ = State::broken;
  changed_.notify_all();
}

std::string Barrier::repr() const {
  constexpr std::array names{"filling", "draining", "resetting", "broken"};
  std::string text = std::string("<Barrier [") + names[static_cast<std::size_t>(state_)];
  if (!broken()) text += ", waiters:" + std::to_string(n_waiting()) + "/" + std::to_string(parties_);
  return text + "]>";
}

}  // namespace evloop
