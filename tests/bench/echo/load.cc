// Drives an echo server: `echo_load PORT CONNECTIONS SIZE DEPTH SECONDS [COUNT [HOLD]]`. Keeps DEPTH messages of SIZE
// bytes in flight on each connection, checks what comes back, and prints one line: messages, seconds, p50 and p99 in
// microseconds. With COUNT it ends after so many messages; the connections then stay for HOLD seconds. DEPTH 0: one in
// flight, and a new connection for each.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Connection {
  int fd = -1;
  std::size_t received = 0;            // of the message at the head
  std::deque<Clock::time_point> sent;  // of those in flight
};

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

int connect_to(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("connect");
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

void send_message(Connection& connection, const std::string& message) {
  connection.sent.push_back(Clock::now());
  std::size_t done = 0;
  while (done < message.size()) {
    const auto sent = ::send(connection.fd, message.data() + done, message.size() - done, MSG_NOSIGNAL);
    if (sent <= 0) fail("send");
    done += static_cast<std::size_t>(sent);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) {
    std::fprintf(stderr, "usage: echo_load PORT CONNECTIONS SIZE DEPTH SECONDS [COUNT [HOLD]]\n");
    return 64;
  }
  const auto port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  std::vector<Connection> connections(static_cast<std::size_t>(std::atoi(argv[2])));
  const std::string message(static_cast<std::size_t>(std::atoi(argv[3])), 'x');
  const bool anew = std::atoi(argv[4]) == 0;
  const int depth = anew ? 1 : std::atoi(argv[4]);
  const auto seconds = std::chrono::duration<double>(std::atof(argv[5]));
  const auto most = argc > 6 ? std::strtoull(argv[6], nullptr, 10) : ~0ULL;

  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  const auto open = [port, epoll](Connection& connection) {
    connection.fd = connect_to(port);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &connection;
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, connection.fd, &event);
  };
  std::ranges::for_each(connections, open);
  std::vector<char> buffer(256 * 1024);
  std::vector<float> latencies;
  latencies.reserve(4'000'000);
  std::uint64_t started = 0;
  std::uint64_t ended = 0;
  const auto begin = Clock::now();
  for (auto& connection : connections)
    for (int i = 0; i < depth && started < most; ++i, ++started) send_message(connection, message);
  std::vector<epoll_event> events(connections.size());
  bool more = true;
  while (ended < started) {
    const int count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), 10'000);
    if (count <= 0) fail("epoll_wait: the server does not answer");
    const auto now = Clock::now();
    if (now - begin > seconds) more = false;
    for (int i = 0; i < count; ++i) {
      auto& connection = *static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
      const auto got = ::recv(connection.fd, buffer.data(), buffer.size(), 0);
      if (got <= 0) fail("recv");
      connection.received += static_cast<std::size_t>(got);
      while (connection.received >= message.size()) {
        connection.received -= message.size();
        if (connection.sent.empty()) fail("more came back than was sent");
        latencies.push_back(std::chrono::duration<float, std::micro>(now - connection.sent.front()).count());
        connection.sent.pop_front();
        ++ended;
        if (more && started < most) {
          if (anew) {
            ::close(connection.fd);
            open(connection);
          }
          send_message(connection, message);
          ++started;
        }
      }
    }
  }
  const auto took = std::chrono::duration<double>(Clock::now() - begin).count();
  std::fprintf(stderr, "idle\n");
  if (argc > 7) std::this_thread::sleep_for(std::chrono::duration<double>(std::atof(argv[7])));
  std::ranges::sort(latencies);
  const auto quantile = [&](double q) {
    return latencies.empty() ? 0.F : latencies[static_cast<std::size_t>(q * static_cast<double>(latencies.size() - 1))];
  };
  std::printf("%llu %.6f %.1f %.1f\n", static_cast<unsigned long long>(ended), took, static_cast<double>(quantile(0.5)),
              static_cast<double>(quantile(0.99)));
}
