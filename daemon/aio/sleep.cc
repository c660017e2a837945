#include "aio/sleep.h"

#include "aio/event_loop.h"

namespace evloop {
namespace {

// Ends with the sleep, however that ends.
struct CancelAtExit {
  TimerHandle timer;
  ~CancelAtExit() { timer.cancel(); }
};

}  // namespace

Coro<void> sleep(Duration delay) {
  if (delay <= Duration::zero()) {
    co_await yield();
    co_return;
  }
  auto& loop = get_running_loop();
  auto future = loop.create_future<void>();
  future.state()->set_wait_kind(WaitKind::sleep);
  const CancelAtExit timer{loop.call_later(delay, [future] {
    if (!future.done()) future.set_result();
  })};
  co_await future;
}

}  // namespace evloop
