// The HTTP side: what is answered, refused, and bounded.

#include <gmock/gmock.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <memory>
#include <string>
#include <thread>

#include "aio/coro.h"
#include "aio/errors.h"
#include "aio/event_loop.h"
#include "host/loop_host.h"
#include "metrics/metrics_server.h"
#include "net/socket_address.h"

namespace evloopd::metrics {
namespace {

using namespace std::chrono_literals;
using host::LoopHost;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

evloop::Coro<std::string> wait_at(std::shared_ptr<std::latch> held, std::shared_ptr<std::latch> free) {
  held->count_down();
  free->wait();
  co_return "";
}

class Client {
 public:
  explicit Client(const std::string& address) {
    const auto to = evloop::SocketAddress::parse(address);
    fd_ = evloop::UniqueFd(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval timeout{.tv_sec = 30, .tv_usec = 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    connected_ = ::connect(fd_.get(), to.data(), to.length()) == 0;
  }

  [[nodiscard]] bool connected() const { return connected_; }
  void send(const std::string& text) { ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL); }
  // One answer: the head, and as much as it says follows.
  std::string receive() {
    while (text_.find("\r\n\r\n") == std::string::npos)
      if (!more()) return std::exchange(text_, {});
    const auto end = text_.find("\r\n\r\n") + 4;
    const auto field = text_.find("Content-Length: ");
    const auto size = end + std::stoul(text_.substr(field + 16));
    while (text_.size() < size)
      if (!more()) break;
    auto answer = text_.substr(0, size);
    text_.erase(0, size);
    return answer;
  }
  // All until the server closes.
  std::string receive_all() {
    while (more()) {
    }
    return std::exchange(text_, {});
  }

 private:
  bool more() {
    char buffer[4096];
    const auto size = ::recv(fd_.get(), buffer, sizeof buffer, 0);
    if (size > 0) text_.append(buffer, static_cast<std::size_t>(size));
    return size > 0;
  }

  evloop::UniqueFd fd_;
  bool connected_ = false;
  std::string text_;
};

class Server : public ::testing::Test {
 protected:
  host::JobCatalogue jobs() {
    host::JobCatalogue jobs;
    jobs.add("block", [this](const auto&) -> host::HostResult<host::JobStart> {
      return [this](evloop::EventLoop&) { return wait_at(held, free); };
    });
    return jobs;
  }
  std::string get(const std::string& path) {
    Client client(server.address());
    client.send("GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    return client.receive_all();
  }

  const std::shared_ptr<std::latch> held = std::make_shared<std::latch>(1);
  const std::shared_ptr<std::latch> free = std::make_shared<std::latch>(1);
  std::atomic<bool> ready{true};
  LoopHost host{jobs()};
  MetricsServer server{host, {.address = "127.0.0.1:0", .version = "1.2.3"}, [this] { return ready.load(); }};
};

TEST_F(Server, AnswersMetricsInTheTextFormat) {
  const auto answer = get("/metrics");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  EXPECT_THAT(answer, HasSubstr("evloopd_build_info{version=\"1.2.3\"} 1\n"));
  EXPECT_THAT(get("/metrics?x=y"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(Server, AnswersHealthAndReadiness) {
  EXPECT_THAT(get("/healthz"), AllOf(StartsWith("HTTP/1.1 200 "), EndsWith("\r\n\r\nok\n")));
  EXPECT_THAT(get("/readyz"), StartsWith("HTTP/1.1 200 "));
  ready = false;
  EXPECT_THAT(get("/readyz"), AllOf(StartsWith("HTTP/1.1 503 "), EndsWith("not ready\n")));
  EXPECT_THAT(get("/healthz"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(Server, AnswersWhileEveryLoopIsBlocked) {
  host::LoopOptions options;
  options.name = "io-0";
  ASSERT_TRUE(host.create(options));
  std::jthread blocked([&] {
    static_cast<void>(host.run_until_complete("io-0", {.kind = "block", .options = {}},
                                              std::chrono::steady_clock::now() + 30s, nullptr));
  });
  held->wait();
  EXPECT_THAT(get("/metrics"), HasSubstr("evloopd_loop_tasks{loop=\"io-0\"} 1\n"));
  free->count_down();
}

TEST_F(Server, KeepsAConnectionOpenForTheNextScrape) {
  Client client(server.address());
  for (int i = 0; i < 3; ++i) {
    client.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    const auto answer = client.receive();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answer, Not(HasSubstr("Connection: close")));
  }
}

TEST_F(Server, TakesARequestInPieces) {
  Client client(server.address());
  for (const char c : std::string("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")) client.send(std::string(1, c));
  EXPECT_THAT(client.receive(), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(Server, AnswersHeadWithoutABody) {
  Client client(server.address());
  client.send("HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.receive_all(), AllOf(HasSubstr("Content-Length: 3\r\n"), EndsWith("\r\n\r\n")));
}

TEST_F(Server, RefusesOtherPathsAndMethods) {
  EXPECT_THAT(get("/"), AllOf(StartsWith("HTTP/1.1 404 "), HasSubstr("/metrics")));
  Client client(server.address());
  client.send("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_THAT(client.receive_all(), AllOf(StartsWith("HTTP/1.1 405 "), HasSubstr("Allow: GET, HEAD\r\n")));
}

TEST_F(Server, RefusesNonsenseAndClosesTheConnection) {
  Client client(server.address());
  client.send("nonsense\r\n\r\n");
  EXPECT_THAT(client.receive_all(), AllOf(StartsWith("HTTP/1.1 400 "), HasSubstr("Connection: close\r\n")));
}

TEST_F(Server, RefusesARequestThatIsTooLarge) {
  Client client(server.address());
  client.send("GET /metrics HTTP/1.1\r\nX: " + std::string(16 * 1024, 'x') + "\r\n\r\n");
  EXPECT_THAT(client.receive_all(), StartsWith("HTTP/1.1 413 "));
}

TEST_F(Server, AnswersTheFirstOfTwoRequestsSentAtOnceAndCloses) {
  Client client(server.address());
  client.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto answer = client.receive_all();
  EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr("Connection: close\r\n"), EndsWith("\r\n\r\nok\n")));
}

TEST_F(Server, ConnectionsBeyondTheLimitAreClosedAndTheOthersServed) {
  std::vector<std::unique_ptr<Client>> silent;
  for (int i = 0; i < 64; ++i) {
    silent.push_back(std::make_unique<Client>(server.address()));
    ASSERT_TRUE(silent.back()->connected());
  }
  Client one_more(server.address());
  one_more.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(one_more.receive_all(), "");
  silent[0]->send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(silent[0]->receive(), StartsWith("HTTP/1.1 200 "));
}

TEST_F(Server, AnAddressThatIsTakenIsSaidAndNoneIsRefused) {
  try {
    MetricsServer second(host, {.address = server.address(), .version = ""}, nullptr);
    FAIL() << "two servers on one address";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EADDRINUSE);
    EXPECT_THAT(error.what(), AllOf(StartsWith("metrics: "), HasSubstr(server.address())));
  }
  EXPECT_THROW(MetricsServer(host, {.address = "nowhere", .version = ""}, nullptr), evloop::ValueError);
}

TEST_F(Server, ServesIpv6) {
  const MetricsServer other(host, {.address = "[::1]:0", .version = ""}, nullptr);
  Client client(other.address());
  client.send("GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.receive_all(), StartsWith("HTTP/1.1 200 "));
}

TEST_F(Server, GoesDownWithConnectionsOpen) {
  std::vector<std::unique_ptr<Client>> clients;
  {
    const MetricsServer other(host, {.address = "127.0.0.1:0", .version = ""}, nullptr);
    for (int i = 0; i < 4; ++i) {
      clients.push_back(std::make_unique<Client>(other.address()));
      clients.back()->send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
      EXPECT_THAT(clients.back()->receive(), StartsWith("HTTP/1.1 200 "));
    }
  }
  for (const auto& client : clients) EXPECT_EQ(client->receive_all(), "");
}

}  // namespace
}  // namespace evloopd::metrics
