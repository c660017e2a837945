// Listening sockets: whose they are, and who watches them when.

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "host/fixture.h"
#include "net/socket.h"
#include "net/socket_address.h"

namespace evloopd::host {
namespace {

using namespace std::chrono_literals;
using namespace host::testing;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// Connects again and again, and counts.
class Clients {
 public:
  explicit Clients(std::string address)
      : address_(std::move(address)), thread_([this](const std::stop_token& stop) {
          while (!stop.stop_requested()) ++(is_greeted(address_) ? greeted_ : refused_);
        }) {}

  [[nodiscard]] int refused() const { return refused_; }
  // Waits until a few more have been served.
  [[nodiscard]] bool are_served() const {
    const int before = greeted_;
    return eventually([&] { return greeted_ >= before + 8; });
  }

 private:
  const std::string address_;
  std::atomic<int> greeted_{0};
  std::atomic<int> refused_{0};
  std::jthread thread_;
};

class ListenerOnLoops : public GreeterTest {};

TEST_F(ListenerOnLoops, StoppingAndStartingOneOfTwoLoopsUnderLoadRefusesNobody) {
  run("io-0");
  run("io-1");
  const auto address = greet_on({"io-0", "io-1"});
  const Clients clients(address);
  ASSERT_TRUE(clients.are_served());
  for (int round = 0; round < 10; ++round) {
    const auto loop = round % 2 == 0 ? "io-0" : "io-1";
    ASSERT_TRUE(host->stop(loop, soon()));
    EXPECT_FALSE(condition(get(loop), "Accepting"));
    ASSERT_TRUE(clients.are_served()) << "by the other loop alone";
    ASSERT_TRUE(host->start(loop, soon()));
    EXPECT_TRUE(condition(get(loop), "Accepting"));
    ASSERT_TRUE(clients.are_served());
  }
  EXPECT_EQ(clients.refused(), 0);
}

TEST_F(ListenerOnLoops, ClosingOneOfTwoLoopsUnderLoadRefusesNobody) {
  run("io-0");
  run("io-1");
  const Clients clients(greet_on({"io-0", "io-1"}));
  ASSERT_TRUE(clients.are_served());
  ASSERT_TRUE(host->drain("io-0", soon()));
  ASSERT_TRUE(host->close("io-0", CloseMode::graceful, soon()));
  ASSERT_TRUE(host->remove("io-0"));
  ASSERT_TRUE(clients.are_served());
  run("io-0");
  ASSERT_TRUE(clients.are_served());
  ASSERT_TRUE(host->stop("io-1", soon()));
  ASSERT_TRUE(clients.are_served()) << "by the loop made anew";
  EXPECT_EQ(clients.refused(), 0);
}

TEST_F(ListenerOnLoops, WithNoLoopRunningConnectionsWaitInTheQueue) {
  run("io-0");
  const auto address = greet_on({"io-0"});
  ASSERT_TRUE(host->stop("io-0", soon()));
  const auto waiting = connect_to(address);
  ASSERT_TRUE(waiting) << "the kernel takes it";
  ASSERT_TRUE(host->start("io-0", soon()));
  char byte = 0;
  EXPECT_EQ(::recv(waiting.get(), &byte, 1, 0), 1);
}

TEST_F(ListenerOnLoops, ALoopThatIsStuckHasItsSocketServedByTheOther) {
  LoopOptions options;
  options.name = "stuck";
  options.stall_warn = 5ms;
  options.stall_critical = 10ms;
  ASSERT_TRUE(host->create(options));
  run("io-1");
  evloop::EventLoop* loop = nullptr;
  doings->on_attach = [&](evloop::EventLoop& attached) {
    if (!loop) loop = &attached;
  };
  const auto address = greet_on({"stuck", "io-1"});
  ASSERT_TRUE(host->start("stuck", soon()));
  loop->call_soon_threadsafe([&] { gate.pass(); });
  ASSERT_TRUE(gate.wait_until_held());
  // The kernel spreads connections over both sockets: all are served.
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(is_greeted(address)) << i;
  EXPECT_FALSE(condition(get("stuck"), "Ready"));
  gate.open();
  EXPECT_TRUE(eventually([&] { return condition(get("stuck"), "Accepting") && condition(get("stuck"), "Ready"); }));
}

// A workload whose loop is blocked, so that it cannot let go of its listening socket.
class ListenerOfAStuckLoop : public GreeterTest {
 protected:
  std::string greet_then_block(const std::string& wanted) {
    evloop::EventLoop* loop = nullptr;
    doings->on_attach = [&](evloop::EventLoop& attached) { loop = &attached; };
    run("io-0");
    auto address = greet_on({"io-0"}, wanted);
    EXPECT_TRUE(is_greeted(address));
    doings->on_attach = [](evloop::EventLoop&) {};
    loop->call_soon_threadsafe([&] { gate.pass(); });
    EXPECT_TRUE(gate.wait_until_held());
    return address;
  }

  // On a loop that runs.
  void greet_at(const std::string& address) {
    run("io-1");
    const auto added = host->add_workload({.name = "next", .loops = {"io-1"}, .listeners = {{.address = address}}},
                                          make_greeter(doings));
    ASSERT_TRUE(added) << added.error().message;
    EXPECT_TRUE(is_greeted(address));
  }
};

TEST_F(ListenerOfAStuckLoop, RefusesConnectionsOnceItsWorkloadIsRemovedAndItsAddressIsFree) {
  const auto address = greet_then_block("127.0.0.1:0");
  ASSERT_TRUE(host->remove_workload("web"));
  EXPECT_FALSE(is_greeted(address));
  greet_at(address);
  gate.open();
  EXPECT_TRUE(eventually([&] { return condition(get("io-0"), "Ready"); }));
  EXPECT_TRUE(is_greeted(address));
}

TEST_F(ListenerOfAStuckLoop, LeavesTheFileOfWhoCameAfterIt) {
  std::string folder = std::filesystem::temp_directory_path() / "evloopd-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const auto address = greet_then_block("unix:" + folder + "/web.sock");
  ASSERT_TRUE(host->remove_workload("web"));
  greet_at(address);
  gate.open();
  ASSERT_TRUE(host->stop("io-0", soon())) << "so it has let go";
  EXPECT_TRUE(is_greeted(address));
  host.reset();
  EXPECT_FALSE(std::filesystem::exists(folder + "/web.sock"));
  std::filesystem::remove_all(folder);
}

TEST_F(ListenerOnLoops, BothLoopsAccept) {
  run("io-0");
  run("io-1");
  const auto address = greet_on({"io-0", "io-1"});
  EXPECT_TRUE(eventually([&] {
    EXPECT_TRUE(is_greeted(address));
    const std::lock_guard lock(doings->mutex);
    return doings->accepted.size() == 2;
  }));
}

TEST_F(ListenerOnLoops, AnAddressInUseIsRefusedWithWhoHasIt) {
  run("io-0");
  run("io-1");
  const auto address = greet_on({"io-0", "io-1"});
  const auto again = host->add_workload({.name = "other", .loops = {"io-1"}, .listeners = {{.address = address}}},
                                        make_greeter(doings));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().reason, Reason::address_in_use);
  EXPECT_EQ(again.error().metadata.at("address"), address);
  EXPECT_EQ(again.error().metadata.at("workload"), "web");
  EXPECT_THAT(again.error().message, HasSubstr("web"));
}

TEST_F(ListenerOnLoops, AnAddressWithAnyPortIsKeptByWhoeverAsksForThePortThatItGot) {
  run("io-0");
  const auto address = greet_on({"io-0"}, "127.0.0.1:0");
  for (const auto& asked : {address, std::string("127.0.0.1:0"), address}) {
    const auto applied = host->apply_workload({.name = "web", .loops = {"io-0"}, .listeners = {{.address = asked}}},
                                              make_greeter(doings));
    ASSERT_TRUE(applied) << applied.error().message;
    EXPECT_EQ(*applied, Applied::replaced);
    const auto listeners = host->workload("web")->listeners;
    ASSERT_THAT(listeners, SizeIs(1));
    if (asked == address) EXPECT_EQ(listeners.front(), address);
    EXPECT_TRUE(is_greeted(listeners.front()));
  }
}

TEST_F(ListenerOnLoops, AnAddressThatSomebodyElseHasIsRefusedAlsoIfItWouldShare) {
  const auto theirs = evloop::listen_stream_socket(evloop::SocketAddress::parse("127.0.0.1:0"), {.reuse_port = true});
  const auto address = evloop::SocketAddress::local(theirs.get()).to_string();
  run("io-0");
  const auto added =
      host->add_workload({.name = "web", .loops = {"io-0"}, .listeners = {{.address = address}}}, make_greeter(doings));
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().reason, Reason::address_in_use);
}

TEST_F(ListenerOnLoops, ServesIpv6) {
  run("io-0");
  run("io-1");
  EXPECT_TRUE(is_greeted(greet_on({"io-0", "io-1"}, "[::1]:0")));
}

TEST_F(ListenerOnLoops, AUnixSocketIsSharedByItsLoopsAndItsFileGoesWithIt) {
  std::string folder = std::filesystem::temp_directory_path() / "evloopd-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const auto path = folder + "/web.sock";
  {
    // A stale one is in the way of nobody.
    const auto stale = evloop::listen_stream_socket(evloop::SocketAddress::unix_path(path));
  }
  ASSERT_TRUE(std::filesystem::exists(path));
  run("io-0");
  run("io-1");
  const auto address = greet_on({"io-0", "io-1"}, "unix:" + path);
  const Clients clients(address);
  ASSERT_TRUE(clients.are_served());
  ASSERT_TRUE(host->stop("io-0", soon()));
  ASSERT_TRUE(clients.are_served());
  ASSERT_TRUE(host->start("io-0", soon()));
  ASSERT_TRUE(host->stop("io-1", soon()));
  ASSERT_TRUE(clients.are_served());
  EXPECT_EQ(clients.refused(), 0);
  const auto again = host->add_workload({.name = "other", .loops = {"io-0"}, .listeners = {{.address = address}}},
                                        make_greeter(doings));
  EXPECT_EQ(again.error().reason, Reason::address_in_use);
  EXPECT_TRUE(is_greeted(address)) << "its file is still there";
  host.reset();
  EXPECT_FALSE(std::filesystem::exists(path));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace evloopd::host
