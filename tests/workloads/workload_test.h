#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "aio/event_loop.h"
#include "base/clock.h"
#include "net/net_test.h"
#include "workloads/make_workload.h"

namespace evloopd::workloads {

using namespace std::chrono_literals;

// The test's end of a connection: non-blocking, and remembers all it received.
class Peer {
 public:
  explicit Peer(evloop::UniqueFd fd) : fd_(std::move(fd)) {}

  void send(std::string_view data) { ASSERT_EQ(try_send(data), data.size()); }
  // What the system takes.
  std::size_t try_send(std::string_view data) {
    const auto sent = ::send(fd_.get(), data.data(), data.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno != EAGAIN) error_ = errno;
      return 0;
    }
    return static_cast<std::size_t>(sent);
  }
  void send_eof() { ::shutdown(fd_.get(), SHUT_WR); }
  void reset() { evloop::reset(fd_); }
  void close() { fd_.reset(); }

  // Takes at most so much of what is there.
  void receive(std::size_t at_most = std::size_t{1} << 30U) {
    std::array<char, 65536> buffer;
    while (at_most > 0 && !ended_ && error_ == 0) {
      const auto count = ::recv(fd_.get(), buffer.data(), std::min(at_most, buffer.size()), MSG_DONTWAIT);
      if (count < 0) {
        if (errno != EAGAIN) error_ = errno;
        return;
      }
      ended_ = count == 0;
      at_most -= static_cast<std::size_t>(count);
      received.append(buffer.data(), static_cast<std::size_t>(count));
    }
  }
  [[nodiscard]] bool has_received(std::size_t size) {
    receive();
    return received.size() >= size;
  }
  [[nodiscard]] bool has_ended() {
    receive();
    return ended_;
  }
  // An errno: ECONNRESET after a reset.
  [[nodiscard]] int error() {
    receive();
    return error_;
  }
  [[nodiscard]] bool is_gone() { return has_ended() || error() != 0; }
  [[nodiscard]] int fd() const { return fd_.get(); }

  std::string received;

 private:
  evloop::UniqueFd fd_;
  bool ended_ = false;
  int error_ = 0;
};

// One share on a loop whose time passes only when the test says so.
class WorkloadTest : public testing::Test {
 protected:
  WorkloadTest() { evloop::set_log_sink(&keep_line); }
  ~WorkloadTest() override {
    share_.reset();
    if (!loop_.is_closed()) turn(3);
    workload_.reset();
    loop_.close();
    evloop::set_log_sink(nullptr);
    log().clear();
  }

  void start(const auto& options) {
    share_.reset();
    workload_ = make_workload(options);
    share_ = workload_->attach(loop_);
  }
  // A client, by TCP unless said otherwise.
  Peer connect(std::pair<evloop::UniqueFd, evloop::UniqueFd> pair = evloop::tcp_pair(),
               host::ListenerPlace place = {}) {
    const evloop::EventLoop::RunScope scope(loop_);
    share_->accepted({.socket = std::move(pair.second), .place = std::move(place)});
    return Peer(std::move(pair.first));
  }
  // Calls something of the share as the host does: while the loop runs.
  template <class F>
  void on_loop(F function) {
    const evloop::EventLoop::RunScope scope(loop_);
    function();
  }

  // So many turns, without sleeping.
  void turn(int count = 1) {
    const evloop::EventLoop::RunScope scope(loop_);
    for (; count > 0; --count) {
      loop_.call_soon([] {});
      loop_.run_once();
    }
  }
  // Turns the loop until `done()`; fails after ten seconds.
  template <class F>
  [[nodiscard]] testing::AssertionResult turn_until(F done) {
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (!done()) {
      if (std::chrono::steady_clock::now() >= deadline)
        return testing::AssertionFailure() << "did not happen within ten seconds";
      turn();
    }
    return testing::AssertionSuccess();
  }
  // Lets the loop's time pass.
  void pass(evloop::Duration time) {
    clock_.advance(time);
    turn(3);
  }

  [[nodiscard]] const host::WorkloadCounters& counters() const { return workload_->counters(); }
  // Counted bytes, once they are reported.
  [[nodiscard]] std::uint64_t bytes_in() {
    pass(100ms);
    return counters().bytes_in;
  }
  [[nodiscard]] std::uint64_t bytes_out() {
    pass(100ms);
    return counters().bytes_out;
  }

  static std::vector<std::string>& log() {
    static std::vector<std::string> lines;
    return lines;
  }

  evloop::VirtualClock clock_;
  evloop::EventLoop loop_{
      evloop::EventLoop::Options{.selector = nullptr, .clock = &clock_, .default_exception_handler = {}}};
  std::unique_ptr<host::Workload> workload_;
  std::unique_ptr<host::WorkloadShare> share_;

 private:
  static void keep_line(evloop::LogLevel, std::string_view line) { log().emplace_back(line); }
};

}  // namespace evloopd::workloads
