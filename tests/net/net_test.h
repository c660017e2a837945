#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <exception>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aio/event_loop.h"
#include "base/log.h"
#include "net/socket.h"
#include "net/transport.h"
#include "support/virtual_time.h"

namespace evloop {

using namespace std::chrono_literals;

inline std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }
inline std::string text(std::span<const std::byte> data) {
  return {reinterpret_cast<const char*>(data.data()), data.size()};
}

// Two connected unix stream sockets, both non-blocking.
inline std::pair<UniqueFd, UniqueFd> socket_pair() {
  std::array<int, 2> fds{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) != 0) std::abort();
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// Two connected TCP sockets, both non-blocking.
inline std::pair<UniqueFd, UniqueFd> tcp_pair() {
  const auto listener = listen_stream_socket(SocketAddress::parse("127.0.0.1:0"));
  UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = SocketAddress::local(listener.get());
  if (::connect(client.get(), address.data(), address.length()) != 0) std::abort();
  set_non_blocking(listener.get());
  UniqueFd server;
  while (!server) server.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  set_non_blocking(client.get());
  return {std::move(client), std::move(server)};
}

inline void send_text(const UniqueFd& fd, std::string_view data) {
  ASSERT_EQ(::send(fd.get(), data.data(), data.size(), MSG_NOSIGNAL), static_cast<ssize_t>(data.size()));
}

// What is there to be read, without waiting.
inline std::string receive_text(const UniqueFd& fd) {
  std::string all;
  std::array<char, 65536> buffer{};
  for (;;) {
    const auto count = ::recv(fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count <= 0) return all;
    all.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

// True at the end of the peer's data.
inline bool at_end(const UniqueFd& fd) {
  char byte = 0;
  return ::recv(fd.get(), &byte, 1, MSG_DONTWAIT) == 0;
}

// Closes with a reset instead of an end of data.
inline void reset(UniqueFd& fd) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  fd.reset();
}

// A loop, what it reports, and what is logged meanwhile.
class NetTest : public testing::Test {
 protected:
  enum class Time { real, is_virtual };

  explicit NetTest(Time time = Time::real)
      : patience_(time == Time::real ? Duration(10s) : Duration(1h)),
        loop_(time == Time::real ? EventLoop::Options{}
                                 : EventLoop::Options{.selector = std::make_unique<VirtualTime>(clock_),
                                                      .clock = &clock_,
                                                      .default_exception_handler = {}}) {
    loop_.set_exception_handler([this](EventLoop&, const ErrorContext& context) {
      reports_.push_back(context.message);
      last_report_ = context;
    });
  }
  ~NetTest() override { loop_.close(); }

  // Turns the loop until `done()`; fails after ten seconds, or an hour that is virtual.
  template <class F>
  void turn_until(F done) {
    const EventLoop::RunScope scope(loop_);
    const auto deadline = loop_.time() + patience_;
    auto wake_up = loop_.call_at(deadline, [] {});
    while (!done()) {
      if (loop_.time() >= deadline) {
        ADD_FAILURE() << "did not happen in time";
        break;
      }
      loop_.run_once();
    }
    wake_up.cancel();
  }
  // So many turns, without sleeping.
  void turn(int count = 1) {
    const EventLoop::RunScope scope(loop_);
    for (; count > 0; --count) {
      loop_.call_soon([] {});
      loop_.run_once();
    }
  }
  template <class T>
  T run(Coro<T> coro) {
    return loop_.run_until_complete(std::move(coro));
  }
  template <Operation A>
  auto run(A operation) -> typename A::Value {
    return loop_.run_until_complete(std::move(operation));
  }

  static std::vector<std::string>& log() {
    static std::vector<std::string> lines;
    return lines;
  }

  class LogCapture {
   public:
    LogCapture() {
      log().clear();
      set_log_sink([](LogLevel, std::string_view message) {
        const std::lock_guard guard(mutex);
        log().emplace_back(message);
      });
    }
    ~LogCapture() { set_log_sink(nullptr); }
    LogCapture(const LogCapture&) = delete;
    LogCapture& operator=(const LogCapture&) = delete;

   private:
    static inline std::mutex mutex;
  };

  const LogCapture capture_;
  VirtualClock clock_;  // the loop's, if time is virtual
  const Duration patience_;
  std::vector<std::string> reports_;
  ErrorContext last_report_;
  EventLoop loop_;
};

}  // namespace evloop
