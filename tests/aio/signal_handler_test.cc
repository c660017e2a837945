#include "aio/signal_handler.h"

#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "aio/runner.h"
#include "aio/sleep.h"
#include "loop_test.h"

namespace evloop {
namespace {

struct sigaction disposition(int signal) {
  struct sigaction present{};
  EXPECT_EQ(::sigaction(signal, nullptr, &present), 0);
  return present;
}
bool is_default(int signal) { return disposition(signal).sa_handler == SIG_DFL; }

// Real time: a signal comes from outside.
class SignalHandlerTest : public testing::Test {
 protected:
  void TearDown() override {
    loop_.close();
    for (const int signal : {SIGUSR1, SIGUSR2, SIGINT}) EXPECT_TRUE(is_default(signal));
  }
  void add(int signal, std::string text) {
    handle_ = add_signal_handler(loop_, signal, [this, text] { trace_.push_back(text); });
  }
  // Lets the loop take what has been delivered.
  void turn(int times = 3) {
    for (; times > 0; --times) {
      loop_.stop();
      loop_.run_forever();
    }
  }
  std::vector<std::string> noted() { return std::exchange(trace_, {}); }

  EventLoop loop_;
  Handle handle_;
  std::vector<std::string> trace_;
};

TEST_F(SignalHandlerTest, TheFunctionRunsAsAnOrdinaryCallback) {  // SIG-01
  bool in_loop = false;
  add_signal_handler(loop_, SIGUSR1, [&] {
    in_loop = running_loop_or_null() == &loop_;
    loop_.call_soon([&] { loop_.stop(); });
  });
  loop_.call_soon([&] {
    ::raise(SIGUSR1);
    EXPECT_FALSE(in_loop);  // not inside raise()
  });
  loop_.run_forever();
  EXPECT_TRUE(in_loop);
}

TEST_F(SignalHandlerTest, AnExceptionOfTheFunctionIsReported) {  // SIG-01
  std::vector<std::string> reports;
  loop_.set_exception_handler([&](EventLoop&, const ErrorContext& told) { reports.push_back(told.message); });
  add_signal_handler(loop_, SIGUSR1, [] { throw ValueError("handler"); });
  ::raise(SIGUSR1);
  turn();
  EXPECT_EQ(reports.size(), 1u);
}

TEST_F(SignalHandlerTest, EachDeliveryRunsItOnce) {  // SIG-01
  add(SIGUSR1, "one");
  for (int i = 0; i < 3; ++i) ::raise(SIGUSR1);
  turn();
  EXPECT_THAT(noted(), ElementsAre("one", "one", "one"));
  turn();
  EXPECT_THAT(noted(), IsEmpty());
}

TEST_F(SignalHandlerTest, ASignalToAnotherThreadWakesASleepingLoop) {  // SIG-02
  add_signal_handler(loop_, SIGUSR1, [&] { loop_.stop(); });
  const auto deadline = loop_.call_later(10s, [&] {
    ADD_FAILURE() << "did not come";
    loop_.stop();
  });
  std::thread other([&] {
    while (!loop_.is_running()) std::this_thread::yield();
    ::raise(SIGUSR1);  // to this thread
  });
  loop_.run_forever();
  other.join();
}

TEST_F(SignalHandlerTest, RefusesWhatIsNoSignal) {  // SIG-03
  const auto nothing = [] {};
  for (const int number : {-1, 0, 32, 33, 65, 1000}) {
    const auto text = "invalid signal number " + std::to_string(number);
    EXPECT_EQ(error_of<ValueError>([&] { add_signal_handler(loop_, number, nothing); }), text);
    EXPECT_EQ(error_of<ValueError>([&] { remove_signal_handler(loop_, number); }), text);
  }
}

TEST_F(SignalHandlerTest, RefusesWhatCannotBeCaught) {  // SIG-03, SIG-08
  for (const int signal : {SIGKILL, SIGSTOP}) {
    EXPECT_EQ(error_of<LoopError>([&] { add_signal_handler(loop_, signal, [] {}); }),
              "sig " + std::to_string(signal) + " cannot be caught");
    EXPECT_FALSE(remove_signal_handler(loop_, signal));
  }
  EXPECT_EQ(loop_.port()->stats.watchers.get(), 0u);
}

TEST_F(SignalHandlerTest, OnlyTheMainThreadMay) {  // SIG-04
  std::thread([] {
    EventLoop loop;
    EXPECT_EQ(error_of<LoopError>([&] { add_signal_handler(loop, SIGUSR1, [] {}); }),
              "set_wakeup_fd only works in main thread of the main interpreter");
    EXPECT_FALSE(remove_signal_handler(loop, SIGUSR1));
    loop.close();
  }).join();
  EXPECT_TRUE(is_default(SIGUSR1));
}

TEST_F(SignalHandlerTest, AddingAgainReplaces) {  // SIG-05
  add(SIGUSR1, "old");
  add(SIGUSR1, "new");
  add(SIGUSR2, "other");
  ::raise(SIGUSR1);
  ::raise(SIGUSR2);
  turn();
  EXPECT_THAT(noted(), testing::UnorderedElementsAre("new", "other"));
  EXPECT_TRUE(remove_signal_handler(loop_, SIGUSR1));
  EXPECT_FALSE(remove_signal_handler(loop_, SIGUSR1));
}

TEST_F(SignalHandlerTest, SystemCallsGoOnAfterASignal) {  // SIG-05
  add(SIGUSR1, "one");
  EXPECT_NE(disposition(SIGUSR1).sa_flags & SA_RESTART, 0);
}

TEST_F(SignalHandlerTest, TheLoopThatAsksLastHasTheSignal) {
  add(SIGUSR1, "first");
  EventLoop second;
  add_signal_handler(second, SIGUSR1, [this] { trace_.emplace_back("second"); });
  ::raise(SIGUSR1);
  turn();
  EXPECT_THAT(noted(), IsEmpty());
  second.call_later(0s, [&] { second.call_later(0s, [&] { second.call_soon([&] { second.stop(); }); }); });
  second.run_forever();
  EXPECT_THAT(noted(), ElementsAre("second"));
  EXPECT_FALSE(remove_signal_handler(loop_, SIGUSR1));
  EXPECT_FALSE(is_default(SIGUSR1));
  second.close();
}

TEST_F(SignalHandlerTest, RemovingRestoresTheDefault) {  // SIG-06
  EXPECT_FALSE(remove_signal_handler(loop_, SIGUSR1));
  add(SIGUSR1, "one");
  EXPECT_FALSE(is_default(SIGUSR1));
  EXPECT_TRUE(remove_signal_handler(loop_, SIGUSR1));
  EXPECT_TRUE(is_default(SIGUSR1));
}

TEST_F(SignalHandlerTest, RemovingTheOneOfSigintGivesItBackToTheRunner) {  // SIG-06
  const auto body = [&]() -> Coro<void> {
    auto& loop = get_running_loop();
    add_signal_handler(loop, SIGINT, [this] { trace_.emplace_back("handled"); });
    ::raise(SIGINT);
    co_await sleep(1ms);
    EXPECT_TRUE(remove_signal_handler(loop, SIGINT));
    ::raise(SIGINT);
    co_await sleep(10s);
  };
  EXPECT_THROW(evloop::run(body()), Interrupt);
  EXPECT_THAT(noted(), ElementsAre("handled"));
}

TEST_F(SignalHandlerTest, OneLeftToTheClosingLoopDoesNotOutliveTheRun) {  // LIFE-38
  const auto body = [&]() -> Coro<void> {
    add_signal_handler(get_running_loop(), SIGINT, [] {});
    co_return;
  };
  evloop::run(body());
  EXPECT_TRUE(is_default(SIGINT));
}

TEST_F(SignalHandlerTest, OneCancelledThroughItsHandleIsRemovedAtTheNextDelivery) {  // SIG-07
  add(SIGUSR1, "one");
  handle_.cancel();
  EXPECT_FALSE(is_default(SIGUSR1));
  ::raise(SIGUSR1);
  turn();
  EXPECT_THAT(noted(), IsEmpty());
  EXPECT_TRUE(is_default(SIGUSR1));
  EXPECT_FALSE(remove_signal_handler(loop_, SIGUSR1));
}

TEST_F(SignalHandlerTest, ADeliveryThatNobodyTookIsForgotten) {  // SIG-07
  add(SIGUSR1, "old");
  ::raise(SIGUSR1);
  EXPECT_TRUE(remove_signal_handler(loop_, SIGUSR1));
  add(SIGUSR1, "new");
  turn();
  EXPECT_THAT(noted(), IsEmpty());
}

TEST_F(SignalHandlerTest, TheWakeUpIsGivenUpWithTheLastHandler) {  // SIG-08
  auto& watchers = loop_.port()->stats.watchers;
  add(SIGUSR1, "one");
  add(SIGUSR2, "two");
  EXPECT_EQ(watchers.get(), 2u);
  remove_signal_handler(loop_, SIGUSR1);
  remove_signal_handler(loop_, SIGUSR2);
  EXPECT_EQ(watchers.get(), 0u);
}

TEST_F(SignalHandlerTest, ClosingTheLoopRemovesItsHandlers) {  // LIFE-38, LIFE-40
  add(SIGUSR1, "one");
  loop_.close();
  EXPECT_TRUE(is_default(SIGUSR1));
  EXPECT_EQ(error_of<LoopError>([&] { add_signal_handler(loop_, SIGUSR1, [] {}); }), "Event loop is closed");
}

TEST_F(SignalHandlerTest, WhatAHandlerOwnsMayRemoveHandlersWhenItGoes) {
  std::shared_ptr<void> owned(nullptr, [&](void*) { remove_signal_handler(loop_, SIGUSR2); });
  add(SIGUSR2, "two");
  add_signal_handler(loop_, SIGUSR1, [held = std::move(owned)] {});
  EXPECT_TRUE(remove_signal_handler(loop_, SIGUSR1));
  EXPECT_TRUE(is_default(SIGUSR2));
}

TEST_F(SignalHandlerTest, SignalsFromManyThreadsAllArrive) {  // SIG-02
  constexpr int threads = 4;
  constexpr int each = 200;
  int count = 0;
  add_signal_handler(loop_, SIGUSR1, [&] {
    if (++count == threads * each) loop_.stop();
  });
  const auto deadline = loop_.call_later(20s, [&] {
    ADD_FAILURE() << "only " << count;
    loop_.stop();
  });
  std::vector<std::thread> senders;
  for (int i = 0; i < threads; ++i)
    senders.emplace_back([] {
      for (int n = 0; n < each; ++n) ::raise(SIGUSR1);
    });
  loop_.run_forever();
  for (auto& sender : senders) sender.join();
  EXPECT_EQ(count, threads * each);
}

}  // namespace
}  // namespace evloop
