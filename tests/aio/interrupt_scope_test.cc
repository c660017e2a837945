#include "aio/interrupt_scope.h"

#include <csignal>
#include <thread>

#include "aio/runner.h"
#include "aio/settled.h"
#include "aio/sleep.h"
#include "loop_test.h"

namespace evloop {
namespace {

void raise_soon() {
  get_running_loop().call_soon([] { ::raise(SIGINT); });
}
bool has_default_handler() {
  struct sigaction present{};
  return ::sigaction(SIGINT, nullptr, &present) == 0 && present.sa_handler == SIG_DFL;
}

TEST(InterruptScope, TheFirstSignalCancelsTheMainTaskAndThrowsInterruptThen) {  // RUN-11, RUN-12, RUN-10
  bool cleaned_up = false;
  const auto body = [&]() -> Coro<void> {
    raise_soon();
    const auto slept = co_await settled(sleep(1h));
    cleaned_up = slept.cancelled();
    std::rethrow_exception(slept.error());
  };
  EXPECT_THROW(run(body()), Interrupt);
  EXPECT_TRUE(cleaned_up);
  EXPECT_TRUE(has_default_handler());
}

TEST(InterruptScope, AMainTaskThatGoesOnKeepsItsResult) {  // RUN-12
  const auto body = []() -> Coro<int> {
    raise_soon();
    static_cast<void>(co_await settled(sleep(1h)));
    co_return 5;
  };
  EXPECT_EQ(run(body()), 5);
}

TEST(InterruptScope, OneCancelledByOthersTooEndsWithCancelledError) {  // RUN-12
  const auto body = []() -> Coro<void> {
    raise_soon();
    auto* self = current_task();
    get_running_loop().call_later(1ms, [self] { self->request_cancel(std::nullopt); });
    static_cast<void>(co_await settled(sleep(1h)));
    co_await sleep(1h);
  };
  EXPECT_THROW(run(body()), CancelledError);
}

TEST(InterruptScope, TheSecondSignalLeavesTheRunAtOnce) {  // RUN-11
  bool cancelled_twice = false;
  const auto body = [&]() -> Coro<void> {
    raise_soon();
    static_cast<void>(co_await settled(sleep(1h)));
    raise_soon();
    cancelled_twice = (co_await settled(sleep(1h))).cancelled();
  };
  Runner runner;
  EXPECT_THROW(runner.run(body()), Interrupt);
  EXPECT_FALSE(cancelled_twice);
  runner.close();
  EXPECT_TRUE(cancelled_twice);  // by the close
}

TEST(InterruptScope, LeavesAHandlerOfTheProgramAlone) {  // RUN-10
  struct sigaction before{};
  struct sigaction mine{};
  mine.sa_handler = SIG_IGN;
  ASSERT_EQ(::sigaction(SIGINT, &mine, &before), 0);
  const auto body = []() -> Coro<int> {
    raise_soon();
    co_await sleep(1ms);
    co_return 1;
  };
  EXPECT_EQ(run(body()), 1);
  ASSERT_EQ(::sigaction(SIGINT, &before, nullptr), 0);
}

TEST(InterruptScope, DoesNothingOutsideTheMainThread) {  // RUN-10
  std::thread([] {
    const auto body = []() -> Coro<void> {
      EXPECT_TRUE(has_default_handler());
      co_return;
    };
    run(body());
  }).join();
}

}  // namespace
}  // namespace evloop
