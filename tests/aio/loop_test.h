#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "aio/event_loop.h"
#include "support/virtual_time.h"

namespace evloop {

using namespace std::chrono_literals;

// What `function` throws as an E: its text. Fails the test if it throws nothing.
template <class E, class F>
std::string error_of(F&& function) {
  try {
    std::forward<F>(function)();
  } catch (const E& error) {
    return error.what();
  }
  ADD_FAILURE() << "threw nothing";
  return {};
}

// The text of an exception of type E.
template <class E>
std::string text_of(const std::exception_ptr& error) {
  return error_of<E>([&] { std::rethrow_exception(error); });
}

// A loop on virtual time, turned by hand or run. A test fails if something was reported to the exception
// handler and it did not ask for it.
class LoopTest : public testing::Test {
 public:
  LoopTest() {
    loop_.emplace(EventLoop::Options{.selector = std::make_unique<VirtualTime>(clock_),
                                     .clock = &clock_,
                                     .default_exception_handler = [this](EventLoop&, const ErrorContext& told) {
                                       reports_.push_back(told.message);
                                     }});
  }
  void TearDown() override {
    end_loop();
    EXPECT_THAT(reports_, testing::IsEmpty());
  }

  [[nodiscard]] EventLoop& loop() { return *loop_; }
  void end_loop() {
    if (!loop_) return;
    loop_->close();
    loop_.reset();
  }
  [[nodiscard]] Duration now() const { return clock_.now().time_since_epoch(); }

  template <class T>
  T run(Coro<T> main) {
    return loop_->run_until_complete(std::move(main));
  }
  template <class T>
  Task<T> start(Coro<T> coro, TaskOptions options = {}) {
    return loop_->create_task(std::move(coro), std::move(options));
  }
  // Lets the loop make turns. One whose queue is empty polls once.
  void turn(int times = 1) {
    for (int i = 0; i < times; ++i) {
      loop_->stop();
      loop_->run_forever();
    }
  }
  // Turns made so far.
  [[nodiscard]] std::uint64_t turns() const { return loop_->port()->stats.iterations.get(); }

  void note(std::string what) { trace_.push_back(std::move(what)); }
  // What was noted since the last call.
  [[nodiscard]] std::vector<std::string> noted() { return std::exchange(trace_, {}); }
  // What was reported to the exception handler since the last call.
  [[nodiscard]] std::vector<std::string> reported() { return std::exchange(reports_, {}); }

 private:
  VirtualClock clock_;
  std::vector<std::string> trace_;
  std::vector<std::string> reports_;
  std::optional<EventLoop> loop_;
};

using testing::ElementsAre;
using testing::IsEmpty;

}  // namespace evloop
