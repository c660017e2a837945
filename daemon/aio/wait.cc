#include "aio/wait.h"

#include <algorithm>
#include <memory>

#include "aio/settled.h"

namespace evloop {
namespace {

// Shared with the callbacks: one that is queued already may run after wait() has returned.
struct WaitState {
  Future<void> waiter;
  TimerHandle timer;
  std::size_t left;

  void release() {
    timer.cancel();
    if (!waiter.done()) waiter.set_result();
  }
};

// One of the futures has ended.
struct Ended {
  std::shared_ptr<WaitState> state;
  ReturnWhen when;

  void operator()(FutureBase& done) const {
    if (--state->left == 0 || when == ReturnWhen::first_completed ||
        (when == ReturnWhen::first_exception && !done.cancelled() && done.exception() != nullptr))
      state->release();
  }
  [[nodiscard]] FutureBase* awaiter() const noexcept { return state->waiter.state().get(); }
};

}  // namespace

Coro<WaitResult> wait(std::vector<FutureRef> futures, std::optional<Duration> timeout, ReturnWhen when) {
  if (futures.empty()) throw ValueError("Set of Tasks/Futures is empty.");
  // A set: each counts once.
  std::vector<FutureRef> set;
  set.reserve(futures.size());
  for (auto& future : futures)
    if (std::ranges::find(set, future) == set.end()) set.push_back(std::move(future));

  auto& loop = get_running_loop();
  const auto state = std::make_shared<WaitState>(loop.create_future<void>(), TimerHandle(), set.size());
  state->waiter.state()->set_wait_kind(WaitKind::wait);
  if (timeout) state->timer = loop.call_later(*timeout, [state] { state->release(); });
  std::vector<DoneCallbackId> callbacks;
  callbacks.reserve(set.size());
  for (const auto& future : set) callbacks.push_back(future->add_done_callback(Ended{state, when}));
  const auto ended = co_await settled(state->waiter);
  state->timer.cancel();
  for (std::size_t i = 0; i < set.size(); ++i) set[i]->remove_done_callback(callbacks[i]);
  if (!ended) std::rethrow_exception(ended.error());

  WaitResult result;
  for (auto& future : set) (future->done() ? result.done : result.pending).push_back(std::move(future));
  co_return result;
}

}  // namespace evloop
