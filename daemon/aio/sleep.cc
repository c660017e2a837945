#include "aio/sleep.h"

#include "aio/event_loop.h"
#include "aio/wait_point.h"

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
  WaitPoint over(loop, WaitKind::sleep);
  const CancelAtExit timer{loop.call_later(delay, [&over] { over.wake(); })};
  co_await over.woken();
}

}  // namespace evloop
