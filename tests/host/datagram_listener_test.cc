// Sockets for datagrams, lent to loops as those for connections are.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "host/fixture.h"
#include "net/socket_address.h"

namespace evloopd::host::testing {
namespace {

// Answers each datagram with the name of its loop.
class NamingShare final : public WorkloadShare {
 public:
  void introduce(const ShareNames& names) override { loop_ = names.loop; }
  void accepted(Accepted /*connection*/) override {}
  void datagrams_wait(const SharedSocket& socket) override {
    char byte = 0;
    sockaddr_storage sender{};
    socklen_t length = sizeof sender;
    auto* const address = reinterpret_cast<sockaddr*>(&sender);
    if (::recvfrom(socket->fd.get(), &byte, 1, 0, address, &length) < 0) return;
    ::sendto(socket->fd.get(), loop_.data(), loop_.size(), MSG_NOSIGNAL, address, length);
  }
  [[nodiscard]] std::size_t connections() const override { return 0; }
  void drain() override {}
  void abort() override {}

 private:
  std::string loop_;
};

class Naming final : public Workload {
 public:
  explicit Naming(std::atomic<evloop::EventLoop*>& loop) : loop_(loop) {}
  [[nodiscard]] std::string_view kind() const override { return "test.naming"; }
  [[nodiscard]] std::unique_ptr<WorkloadShare> attach(evloop::EventLoop& loop) override {
    loop_ = &loop;
    return std::make_unique<NamingShare>();
  }

 private:
  std::atomic<evloop::EventLoop*>& loop_;
};

class DatagramListenerTest : public GreeterTest {
 protected:
  ~DatagramListenerTest() override {
    gate.open();
    host.reset();  // it must not tell a test that has gone
  }

  HostResult<void> name_on(const std::string& workload, std::vector<std::string> loops,
                           const std::string& address = "127.0.0.1:0") {
    return host->add_workload({.name = workload,
                               .loops = std::move(loops),
                               .listeners = {{.address = address}},
                               .listens = Listens::datagrams},
                              std::make_unique<Naming>(loop_));
  }
  [[nodiscard]] std::string address() const { return host->workloads().at(0).listeners.at(0); }

  static evloop::UniqueFd client_of(const std::string& address) {
    const auto where = evloop::SocketAddress::parse(address);
    evloop::UniqueFd fd(::socket(where.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const timeval limit{.tv_sec = patience.count(), .tv_usec = 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    EXPECT_EQ(::connect(fd.get(), where.data(), where.length()), 0);
    return fd;
  }
  static std::string answer(const evloop::UniqueFd& client) {
    char name[64];
    const auto size = ::recv(client.get(), name, sizeof name, 0);
    return size < 0 ? "nobody" : std::string(name, static_cast<std::size_t>(size));
  }
  std::atomic<evloop::EventLoop*> loop_;  // that was last given a share

  // Which loop answers.
  static std::string ask(const evloop::UniqueFd& client) {
    EXPECT_EQ(::send(client.get(), "?", 1, MSG_NOSIGNAL), 1);
    return answer(client);
  }
};

TEST_F(DatagramListenerTest, AClientStaysWithItsLoopAndAnotherOneServesItMeanwhile) {
  for (const char* loop : {"io-0", "io-1"}) run(loop);
  ASSERT_TRUE(name_on("naming", {"io-0", "io-1"}));
  for (int i = 0; i < 20; ++i) {
    const auto client = client_of(address());
    const auto own = ask(client);
    EXPECT_EQ(ask(client), own);
    if (i % 5 != 0) continue;
    const std::string other = own == "io-0" ? "io-1" : "io-0";
    ASSERT_TRUE(host->stop(own, soon()));
    EXPECT_EQ(ask(client), other);
    ASSERT_TRUE(host->start(own, soon()));
    EXPECT_TRUE(eventually([&] { return ask(client) == own; }));
  }
}

TEST_F(DatagramListenerTest, WithoutALoopDatagramsWait) {
  run("io-0");
  ASSERT_TRUE(name_on("naming", {"io-0"}, "[::1]:0"));
  ASSERT_TRUE(host->stop("io-0", soon()));
  const auto client = client_of(address());
  ASSERT_EQ(::send(client.get(), "?", 1, MSG_NOSIGNAL), 1);
  ASSERT_TRUE(host->start("io-0", soon()));
  EXPECT_EQ(answer(client), "io-0");
}

TEST_F(DatagramListenerTest, AnAddressIsTakenForDatagramsOnlyAndFreeWhenItsWorkloadIsGone) {
  run("io-0");
  const auto taken = greet_on({"io-0"});  // by TCP
  ASSERT_TRUE(name_on("naming", {"io-0"}, taken));
  const auto refused = name_on("second", {"io-0"}, taken);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::address_in_use);
  EXPECT_EQ(refused.error().metadata.at("workload"), "naming");
  ASSERT_TRUE(host->remove_workload("naming"));
  EXPECT_TRUE(name_on("third", {"io-0"}, taken));
}

TEST_F(DatagramListenerTest, AUnixSocketIsNoAddressForDatagrams) {
  run("io-0");
  const auto refused = name_on("naming", {"io-0"}, "unix:/tmp/x.sock");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::bad_argument);
}

TEST_F(DatagramListenerTest, AGenerationOfAnotherSortDoesNotTakeItsSockets) {
  run("io-0");
  ASSERT_TRUE(name_on("web", {"io-0"}));
  const auto applied = host->apply_workload(
      {.name = "web", .loops = {"io-0"}, .listeners = {{.address = "127.0.0.1:0"}}}, make_greeter(doings));
  ASSERT_TRUE(applied);
  EXPECT_EQ(*applied, Applied::replaced);
  EXPECT_TRUE(is_greeted(address()));
}

TEST_F(DatagramListenerTest, AFreshLoopTakesOverFromAStuckOne) {
  run("io-0");
  ASSERT_TRUE(name_on("naming", {"io-0"}));
  const auto client = client_of(address());
  EXPECT_EQ(ask(client), "io-0");
  auto* const stuck = loop_.load();
  stuck->call_soon_threadsafe([this] { gate.pass(); });
  ASSERT_TRUE(gate.wait_until_held());
  ASSERT_TRUE(host->replace("io-0", true, soon()));
  EXPECT_NE(loop_.load(), stuck);
  EXPECT_EQ(ask(client), "io-0");
  gate.open();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask(client), "io-0");
}

}  // namespace
}  // namespace evloopd::host::testing
