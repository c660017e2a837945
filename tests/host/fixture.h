#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "aio/event_loop.h"
#include "base/unique_fd.h"
#include "host/loop_host.h"

namespace evloopd::host::testing {

inline constexpr std::chrono::seconds patience{30};  // for what must happen; only a failing test waits that long

[[nodiscard]] inline LoopHost::Deadline soon() { return std::chrono::steady_clock::now() + patience; }
[[nodiscard]] inline LoopHost::Deadline in(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

// Waits until it holds; false if it does not within `patience`.
[[nodiscard]] inline bool eventually(const std::function<bool()>& condition) {
  const auto give_up = soon();
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::yield();
  }
  return true;
}

// Holds up a thread until it is opened.
class Gate {
 public:
  void pass();
  void open();
  [[nodiscard]] bool wait_until_held();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool held_ = false;
  bool open_ = false;
};

// What a workload of the tests does, shared by all its loops. Any thread.
struct Doings {
  std::function<void(evloop::EventLoop&)> on_attach = [](evloop::EventLoop&) {};
  std::atomic<int> shares{0};
  std::atomic<int> drained{0};
  std::atomic<int> resumed{0};
  std::atomic<int> aborted{0};
  std::atomic<bool> keeps_connections{false};  // else: one byte, and closed
  std::atomic<bool> destroyed{false};          // the workload
  std::mutex mutex;
  std::map<std::thread::id, int> accepted;  // guarded by mutex: by loop thread
};

// Sends one byte, the letter k, to everybody who connects.
std::unique_ptr<Workload> make_greeter(std::shared_ptr<Doings> doings);

// Connects to "127.0.0.1:<port>" or "unix:<path>" and reads one byte. True if it came.
[[nodiscard]] bool is_greeted(const std::string& address);
[[nodiscard]] evloop::UniqueFd connect_to(const std::string& address);

// Jobs: `echo text=...`, `fail`, `fatal`, `block` (at `gate`), `forever`, `stubborn` (takes no cancellation),
// `left` (leaves a callback behind that blocks at `gate`).
class HostTest : public ::testing::Test {
 protected:
  ~HostTest() override { gate.open(); }

  void create(const std::string& name);
  void run(const std::string& name);  // created, and started
  HostResult<std::string> job(const std::string& loop, const std::string& kind,
                              std::map<std::string, std::string> options = {});
  // A job under way on a thread of its own.
  std::jthread hold_up(const std::string& loop);
  [[nodiscard]] LoopSnapshot get(const std::string& name) const;
  [[nodiscard]] LoopState state(const std::string& name) const { return get(name).state; }

 private:
  JobCatalogue jobs();

 public:
  Gate gate;
  std::unique_ptr<LoopHost> host = std::make_unique<LoopHost>(jobs());
};

// Loops with a greeter on them, the workload "web".
class GreeterTest : public HostTest {
 protected:
  // Answers where it listens.
  std::string greet_on(std::vector<std::string> loops, const std::string& address = "127.0.0.1:0");
  // Runs a loop with a greeter that keeps its connections, and makes one.
  evloop::UniqueFd keep_one_on(const std::string& loop);

  const std::shared_ptr<Doings> doings = std::make_shared<Doings>();
};

[[nodiscard]] bool condition(const LoopSnapshot& loop, const std::string& type);

}  // namespace evloopd::host::testing
