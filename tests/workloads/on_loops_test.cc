// Kinds that have listeners on real loops, which are stopped and started under load.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "host/loop_host.h"
#include "net/socket_address.h"
#include "workloads/make_workload.h"
#include "workloads/on_loops.h"

namespace evloopd::workloads {
namespace {

using namespace std::chrono_literals;

// Empty if that fails; see errno.
evloop::UniqueFd connect_to(const std::string& address) {
  const auto where = evloop::SocketAddress::parse(address);
  evloop::UniqueFd fd(::socket(where.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval limit{.tv_sec = patience.count(), .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return ::connect(fd.get(), where.data(), where.length()) == 0 ? std::move(fd) : evloop::UniqueFd();
}

// What one client got: the body, or what went wrong.
std::string fetch(const std::string& address) {
  const auto failed = [](const char* what) {
    return std::string(what) + ": " + std::generic_category().message(errno);
  };
  const auto fd = connect_to(address);
  if (!fd) return failed("connect");
  constexpr std::string_view request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return failed("send");
  std::string answer;
  std::array<char, 4096> buffer;
  for (;;) {
    const auto count = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (count < 0) return failed("recv");
    if (count == 0) break;
    answer.append(buffer.data(), static_cast<std::size_t>(count));
  }
  const auto body = answer.find("\r\n\r\n");
  return body == answer.npos ? "half an answer: " + answer : answer.substr(body + 4);
}

// Sends a byte and answers with the one that comes back; 0 if none does.
char exchange(const evloop::UniqueFd& fd, char byte) {
  if (::send(fd.get(), &byte, 1, MSG_NOSIGNAL) != 1 || ::recv(fd.get(), &byte, 1, 0) != 1) return 0;
  return byte;
}

// A thread that fetches again and again.
class Client {
 public:
  explicit Client(const std::string& address)
      : thread_([this, address](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            const auto body = fetch(address);
            if (body == "a" || body == "b") {
              ++served_;
            } else {
              const std::lock_guard lock(mutex_);
              failures_.push_back(body);
            }
          }
        }) {}

  [[nodiscard]] bool is_served() const {
    const int before = served_;
    const auto give_up = soon();
    while (served_ < before + 5) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      std::this_thread::yield();
    }
    return true;
  }
  [[nodiscard]] std::vector<std::string> failures() {
    const std::lock_guard lock(mutex_);
    return failures_;
  }

 private:
  std::atomic<int> served_{0};
  std::mutex mutex_;
  std::vector<std::string> failures_;  // guarded by mutex_
  std::jthread thread_;
};

class ProxyOnLoops : public testing::Test {
 protected:
  // tcp.proxy on two loops, before two http.respond on two others.
  ProxyOnLoops() {
    for (const char* loop : {"io-0", "io-1", "web-0", "web-1"}) {
      EXPECT_TRUE(host_.create({.name = loop, .labels = {}}));
      EXPECT_TRUE(host_.start(loop, soon()));
    }
    proxy_.upstreams.list.push_back({add("a", {"web-0"}, HttpRespondOptions{.body = "a"})});
    proxy_.upstreams.list.push_back({add("b", {"web-1"}, HttpRespondOptions{.body = "b"})});
    address_ = add("front", {"io-0", "io-1"}, proxy_);
  }

  std::string add(const std::string& name, std::vector<std::string> loops, const auto& kind) {
    const auto added = host_.add_workload(
        {.name = name, .loops = std::move(loops), .listeners = {{.address = "127.0.0.1:0"}}}, make_workload(kind));
    EXPECT_TRUE(added) << added.error().message;
    return workload(name).listeners.at(0);
  }
  std::optional<host::Applied> apply(const std::string& name, std::vector<std::string> loops, const auto& kind) {
    const auto applied = host_.apply_workload(
        {.name = name, .loops = std::move(loops), .listeners = {{.address = "127.0.0.1:0"}}}, make_workload(kind));
    if (applied) return *applied;
    ADD_FAILURE() << applied.error().message;
    return std::nullopt;
  }
  std::string refusal(const std::string& name, std::vector<std::string> loops, const auto& kind,
                      std::vector<host::ListenerOptions> listeners) {
    const auto applied = host_.apply_workload(
        {.name = name, .loops = std::move(loops), .listeners = std::move(listeners)}, make_workload(kind));
    return applied ? "" : host::reason_name(applied.error().reason);
  }
  host::WorkloadSnapshot workload(const std::string& name) {
    for (auto& snapshot : host_.workloads())
      if (snapshot.name == name) return snapshot;
    ADD_FAILURE() << "no workload " << name;
    return {};
  }

  host::LoopHost host_{host::JobCatalogue{}};
  TcpProxyOptions proxy_;
  std::string address_;
};

TEST_F(ProxyOnLoops, SpreadsItsClientsOverTheUpstreams) {
  std::map<std::string, int> bodies;
  for (int i = 0; i < 10; ++i) ++bodies[fetch(address_)];
  EXPECT_THAT(bodies, testing::ElementsAre(testing::Pair("a", 5), testing::Pair("b", 5)));
}

TEST_F(ProxyOnLoops, StoppingAndStartingALoopUnderLoadFailsNobody) {
  Client client(address_);
  ASSERT_TRUE(client.is_served());
  for (int round = 0; round < 10; ++round) {
    const std::string loop = round % 2 == 0 ? "io-0" : "io-1";
    ASSERT_TRUE(host_.stop(loop, soon()));
    EXPECT_THAT(fetch(address_), testing::AnyOf("a", "b")) << "by the other loop alone";
    ASSERT_TRUE(host_.start(loop, soon()));
    ASSERT_TRUE(client.is_served());
  }
  EXPECT_THAT(client.failures(), testing::IsEmpty());
  EXPECT_EQ(workload("front").connections_failed, 0U);
}

TEST_F(ProxyOnLoops, DrainingAndStartingALoopUnderLoadFailsNobody) {
  Client client(address_);
  ASSERT_TRUE(client.is_served());
  for (int round = 0; round < 10; ++round) {
    const std::string loop = round % 2 == 0 ? "io-0" : "io-1";
    ASSERT_TRUE(host_.drain(loop, soon()));
    ASSERT_TRUE(client.is_served()) << "by the other loop alone";
    ASSERT_TRUE(host_.start(loop, soon()));
    ASSERT_TRUE(client.is_served());
  }
  EXPECT_THAT(client.failures(), testing::IsEmpty());
  EXPECT_EQ(workload("front").connections_failed, 0U);
}

TEST_F(ProxyOnLoops, AnUpstreamLoopThatStopsOnlyMakesItsClientsWait) {
  Client client(address_);
  ASSERT_TRUE(client.is_served());
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(host_.stop("web-0", soon()));
    ASSERT_TRUE(host_.start("web-0", soon()));
    ASSERT_TRUE(client.is_served());
  }
  EXPECT_THAT(client.failures(), testing::IsEmpty());
}

TEST_F(ProxyOnLoops, CountsOverAllLoops) {
  for (int i = 0; i < 20; ++i) EXPECT_THAT(fetch(address_), testing::AnyOf("a", "b"));
  const auto give_up = soon();
  while (workload("front").connections_open > 0 && std::chrono::steady_clock::now() < give_up)
    std::this_thread::yield();
  const auto front = workload("front");
  EXPECT_EQ(front.connections_open, 0U);
  EXPECT_EQ(front.connections_total, 20U);
  EXPECT_EQ(workload("a").connections_total + workload("b").connections_total, 20U);
}

TEST_F(ProxyOnLoops, ItsUpstreamsAreReplacedUnderLoadAndFailNobody) {
  Client client(address_);
  ASSERT_TRUE(client.is_served());
  const auto a = workload("a").listeners.at(0), b = workload("b").listeners.at(0);
  for (int round = 0; round < 20; ++round) {
    const auto& one = round % 2 == 0 ? a : b;
    ASSERT_TRUE(host_.set_upstreams("front", {{.address = one}}));
    EXPECT_EQ(fetch(address_), round % 2 == 0 ? "a" : "b");
    if (round % 5 == 0) ASSERT_TRUE(client.is_served());
  }
  EXPECT_THAT(client.failures(), testing::IsEmpty());
  EXPECT_EQ(workload("front").connections_failed, 0U);
}

TEST_F(ProxyOnLoops, OnlySoManyAreAtAnUpstreamAtOnceAndNobodyIsLost) {
  const auto a = workload("a").listeners.at(0);
  ASSERT_TRUE(host_.set_upstreams("front", {{.address = a, .max_connections = 1}}));
  Client clients[4]{Client(address_), Client(address_), Client(address_), Client(address_)};
  for (auto& client : clients) EXPECT_TRUE(client.is_served());
  for (auto& client : clients) EXPECT_THAT(client.failures(), testing::IsEmpty());
  EXPECT_LE(workload("a").connections_open, 2U) << "one, and one whose end is on its way";
}

TEST_F(ProxyOnLoops, SettingUpstreamsIsRefusedByItsReason) {
  const auto reason = [](const auto& result) { return result ? "" : host::reason_name(result.error().reason); };
  EXPECT_STREQ(reason(host_.set_upstreams("nothing", {})), "WORKLOAD_NOT_FOUND");
  EXPECT_STREQ(reason(host_.set_upstreams("a", {})), "BAD_ARGUMENT") << "it has no upstreams";
  EXPECT_STREQ(reason(host_.set_upstreams("front", {{.address = "nonsense"}})), "BAD_ARGUMENT");
  EXPECT_THAT(fetch(address_), testing::AnyOf("a", "b"));
}

// --- live change ---

TEST_F(ProxyOnLoops, AppliedAsItIsNothingChanges) {
  EXPECT_EQ(apply("a", {"web-0"}, HttpRespondOptions{.body = "a"}), host::Applied::unchanged);
  auto proxy = proxy_;
  EXPECT_EQ(apply("front", {"io-0", "io-1"}, proxy), host::Applied::unchanged);
  proxy.upstreams.list.pop_back();
  EXPECT_EQ(apply("front", {"io-0", "io-1"}, proxy), host::Applied::updated);
  EXPECT_EQ(fetch(address_), "a");
  EXPECT_EQ(fetch(address_), "a");
}

TEST_F(ProxyOnLoops, IsReplacedAgainAndAgainUnderLoadAndFailsNobody) {
  Client one(address_);
  Client two(address_);
  ASSERT_TRUE(one.is_served());
  for (int i = 0; i < 20; ++i) {
    auto proxy = proxy_;
    proxy.buffer = (static_cast<std::size_t>(i) + 5) * 4096;
    const std::vector<std::string> loops =
        i % 3 == 2 ? std::vector<std::string>{"io-0"} : std::vector<std::string>{"io-0", "io-1"};
    ASSERT_EQ(apply("front", loops, proxy), host::Applied::replaced);
    ASSERT_TRUE(one.is_served());
    ASSERT_TRUE(two.is_served());
  }
  EXPECT_EQ(workload("front").listeners.at(0), address_) << "its socket stays, though any port was asked for";
  EXPECT_THAT(one.failures(), testing::IsEmpty());
  EXPECT_THAT(two.failures(), testing::IsEmpty());
}

TEST_F(ProxyOnLoops, WhatCannotBeIsRefusedAndChangesNothing) {
  auto proxy = proxy_;
  proxy.buffer = 8192;
  EXPECT_EQ(refusal("front", {"io-7"}, proxy, {{.address = "127.0.0.1:0"}}), "LOOP_NOT_FOUND");
  EXPECT_EQ(refusal("front", {"io-0"}, proxy, {{.address = "127.0.0.1:0"}, {.address = workload("a").listeners.at(0)}}),
            "ADDRESS_IN_USE");
  EXPECT_EQ(workload("front").loops.size(), 2U);
  EXPECT_THAT(fetch(address_), testing::AnyOf("a", "b"));
}

TEST_F(ProxyOnLoops, WhoIsConnectedKeepsTheWorkloadTheyCameTo) {
  const auto address = add("echo", {"io-0"}, TcpEchoOptions{});
  const auto client = connect_to(address);
  ASSERT_TRUE(client);
  EXPECT_EQ(exchange(client, 'x'), 'x');
  EXPECT_EQ(apply("echo", {"io-0"}, HttpRespondOptions{.body = "now HTTP"}), host::Applied::replaced);
  EXPECT_EQ(fetch(address), "now HTTP");
  EXPECT_EQ(exchange(client, 'y'), 'y');
  EXPECT_EQ(workload("echo").connections_open, 1U) << "those who came before are counted";
  EXPECT_TRUE(host_.remove_workload("echo"));
  EXPECT_EQ(exchange(client, 'z'), 'z');
}

TEST_F(ProxyOnLoops, OfARemovedWorkloadTheAddressIsFreeAndTheNameToo) {
  const auto address = workload("b").listeners.at(0);
  ASSERT_TRUE(host_.remove_workload("b"));
  EXPECT_STREQ(host::reason_name(host_.remove_workload("b").error().reason), "WORKLOAD_NOT_FOUND");
  EXPECT_THAT(fetch(address), testing::StartsWith("connect: "));
  const auto added = host_.add_workload({.name = "b", .loops = {"web-1"}, .listeners = {{.address = address}}},
                                        make_workload(HttpRespondOptions{.body = "b"}));
  EXPECT_TRUE(added) << added.error().message;
  EXPECT_EQ(fetch(address), "b");
}

// Until it is over; how it ended.
host::WorkloadDrainSnapshot end_of(const host::WorkloadDrain& drain) {
  const auto give_up = soon();
  auto now = drain();
  for (; !now.over && std::chrono::steady_clock::now() < give_up; now = drain()) std::this_thread::yield();
  return now;
}

TEST_F(ProxyOnLoops, ADrainedWorkloadRefusesWhoComesAndWaitsForWhoIsThere) {
  const auto address = add("echo", {"io-0", "io-1"}, TcpEchoOptions{});
  auto client = connect_to(address);
  EXPECT_EQ(exchange(client, 'x'), 'x');
  const auto drain = host_.drain_workload("echo", std::nullopt);
  ASSERT_TRUE(drain) << drain.error().message;
  EXPECT_THAT(fetch(address), testing::StartsWith("connect: "));
  const auto during = (*drain)();
  EXPECT_FALSE(during.over);
  EXPECT_EQ(during.workload, "echo");
  EXPECT_TRUE(during.deadline);
  const auto joined = host_.drain_workload("echo", std::nullopt);
  ASSERT_TRUE(joined) << joined.error().message;
  EXPECT_EQ(exchange(client, 'y'), 'y');
  client = {};
  EXPECT_EQ(end_of(*drain).connections_cut, 0U);
  EXPECT_TRUE(end_of(*joined).over);
  EXPECT_THAT(end_of(*drain).loops, testing::IsEmpty());
  EXPECT_STREQ(host::reason_name(host_.drain_workload("echo", std::nullopt).error().reason), "WORKLOAD_NOT_FOUND");
}

TEST_F(ProxyOnLoops, ADrainThatIsJoinedWithAShorterTimeEndsByThen) {
  const auto client = connect_to(add("echo", {"io-0"}, TcpEchoOptions{}));
  EXPECT_EQ(exchange(client, 'x'), 'x');
  const auto drain = host_.drain_workload("echo", 1h);
  ASSERT_TRUE(drain);
  EXPECT_EQ(exchange(client, 'y'), 'y');
  ASSERT_TRUE(host_.drain_workload("echo", 0s));
  const auto end = end_of(*drain);
  EXPECT_TRUE(end.over);
  EXPECT_EQ(end.connections_cut, 1U);
  char byte = 0;
  EXPECT_EQ(::recv(client.get(), &byte, 1, 0), 0) << "the end of data comes";
}

TEST_F(ProxyOnLoops, ADrainWaitsAlsoForThoseWhoCameBeforeTheWorkloadWasReplaced) {
  auto client = connect_to(add("echo", {"io-0"}, TcpEchoOptions{}));
  EXPECT_EQ(exchange(client, 'x'), 'x');
  ASSERT_EQ(apply("echo", {"io-0"}, TcpDiscardOptions{}), host::Applied::replaced);
  const auto drain = host_.drain_workload("echo", std::nullopt);
  ASSERT_TRUE(drain);
  EXPECT_EQ(exchange(client, 'y'), 'y');
  const auto during = (*drain)();
  ASSERT_EQ(during.loops.size(), 1U);
  EXPECT_EQ(during.loops[0].loop, "io-0");
  EXPECT_EQ(during.loops[0].connections, 1U);
  client = {};
  EXPECT_TRUE(end_of(*drain).over);
}

// An echo on a loop that gives its clients no time to leave, with one client that has been served.
class EchoWithoutPatience : public testing::Test {
 protected:
  EchoWithoutPatience() {
    EXPECT_TRUE(host_.create({.name = "io-0", .labels = {}, .drain_timeout = 0s}));
    EXPECT_TRUE(host_.start("io-0", soon()));
    EXPECT_TRUE(host_.add_workload({.name = "echo", .loops = {"io-0"}, .listeners = {{.address = "127.0.0.1:0"}}},
                                   make_workload(TcpEchoOptions{})));
    client_ = connect_to(host_.workloads().at(0).listeners.at(0));
    EXPECT_EQ(exchange(client_, 'x'), 'x');
  }

  host::LoopHost host_{host::JobCatalogue{}};
  evloop::UniqueFd client_;
};

TEST_F(EchoWithoutPatience, WhoHasNotLeftAReplacedWorkloadIsCutWhenTheDrainTimeoutIsOver) {
  ASSERT_TRUE(host_.apply_workload({.name = "echo", .loops = {"io-0"}, .listeners = {{.address = "127.0.0.1:0"}}},
                                   make_workload(TcpDiscardOptions{})));
  char byte = 0;
  EXPECT_EQ(::recv(client_.get(), &byte, 1, 0), 0) << "the end of data comes";
}

TEST_F(EchoWithoutPatience, WhoIsCutByADrainLearnsItBeforeTheLoopStops) {
  const auto drained = host_.drain("io-0", soon());
  ASSERT_TRUE(drained) << drained.error().message;
  EXPECT_EQ(drained->state, host::LoopState::stopped);
  EXPECT_EQ(drained->drain->connections_cut, 1U);
  char byte = 0;
  EXPECT_EQ(::recv(client_.get(), &byte, 1, MSG_DONTWAIT), 0) << "the end of data is there";
}

TEST_F(ProxyOnLoops, ShutsDownUnderLoad) {
  Client client(address_);
  ASSERT_TRUE(client.is_served());
  EXPECT_THAT(host_.shutdown(2s, nullptr), testing::IsEmpty());
}

}  // namespace
}  // namespace evloopd::workloads
