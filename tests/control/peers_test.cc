#include "control/peers.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <vector>

#include "base/unique_fd.h"

namespace evloopd::control {
namespace {

evloop::UniqueFd open_socket() { return evloop::UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

TEST(Peers, AreKnownByTheNameThatGrpcGivesThem) {
  Peers peers(4);
  const auto connection = open_socket();
  ASSERT_TRUE(peers.add(connection.get(), {.uid = 1000, .gid = 100, .pid = 4242}));
  EXPECT_EQ(peers.describe(fmt::format("fd:{}", connection.get())), "uid=1000 gid=100 pid=4242");
  for (const auto* other : {"fd:99999", "fd:", "fd:1x", "unix:", "ipv4:127.0.0.1:80", ""})
    EXPECT_EQ(peers.describe(other), "unknown") << other;
}

TEST(Peers, ADescriptorUsedAgainIsItsNewOwners) {
  Peers peers(4);
  const auto connection = open_socket();
  ASSERT_TRUE(peers.add(connection.get(), {.uid = 1, .gid = 1, .pid = 1}));
  ASSERT_TRUE(peers.add(connection.get(), {.uid = 2, .gid = 2, .pid = 2}));
  EXPECT_EQ(peers.describe(fmt::format("fd:{}", connection.get())), "uid=2 gid=2 pid=2");
}

TEST(Peers, AreNoMoreThanTheLimitUntilOneGoes) {
  Peers peers(3);
  std::vector<evloop::UniqueFd> connections;
  for (int i = 0; i < 3; ++i) {
    connections.push_back(open_socket());
    ASSERT_TRUE(peers.add(connections.back().get(), {}));
  }
  const auto one_more = open_socket();
  EXPECT_FALSE(peers.add(one_more.get(), {}));
  connections.pop_back();
  EXPECT_TRUE(peers.add(one_more.get(), {}));
}

}  // namespace
}  // namespace evloopd::control
