#include "ctl/address.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace evloopd::ctl {
namespace {

Environment nobody() { return {.address = "", .runtime_directory = "", .xdg_runtime_dir = "", .uid = 1000}; }

TEST(RuntimeDirectory, IsSystemdsThenRootsThenTheUsersOwn) {
  auto environment = nobody();
  EXPECT_EQ(runtime_directory(environment), "/tmp/evloopd-1000");
  environment.xdg_runtime_dir = "/run/user/1000";
  EXPECT_EQ(runtime_directory(environment), "/run/user/1000/evloopd");
  environment.uid = 0;
  EXPECT_EQ(runtime_directory(environment), "/run/evloopd");
  environment.runtime_directory = "/run/edge:/run/second";
  EXPECT_EQ(runtime_directory(environment), "/run/edge");
}

class FindAddress : public testing::Test {
 protected:
  FindAddress() {
    std::string pattern = std::filesystem::temp_directory_path() / "evloopctl-XXXXXX";
    folder = ::mkdtemp(pattern.data());
    environment.runtime_directory = folder;
    environment.uid = ::geteuid();
  }
  ~FindAddress() override { std::filesystem::remove_all(folder); }

  void put(const std::string& name) const { std::ofstream(folder + "/" + name) << ""; }

  std::string folder;
  Environment environment = nobody();
};

TEST_F(FindAddress, TakesWhatTheUserGave) {
  environment.address = "unix:/elsewhere";
  EXPECT_EQ(find_address("/run/x.sock", environment), "unix:/run/x.sock");
  EXPECT_EQ(find_address("./x.sock", environment), "unix:./x.sock");
  EXPECT_EQ(find_address("unix:/run/x.sock", environment), "unix:/run/x.sock");
  EXPECT_EQ(find_address("127.0.0.1:7443", environment), "127.0.0.1:7443");
}

TEST_F(FindAddress, TakesTheVariableBeforeItSearches) {
  put("admin.sock");
  environment.address = "/elsewhere/a.sock";
  EXPECT_EQ(find_address("", environment), "unix:/elsewhere/a.sock");
}

TEST_F(FindAddress, PrefersTheAdminsSocketToTheObservers) {
  put("observe.sock");
  EXPECT_EQ(find_address("", environment), "unix:" + folder + "/observe.sock");
  put("admin.sock");
  EXPECT_EQ(find_address("", environment), "unix:" + folder + "/admin.sock");
}

TEST_F(FindAddress, TakesNoSocketFromAnotherUsersFolder) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make such a folder";
  put("observe.sock");
  ASSERT_EQ(::chown(folder.c_str(), 65534, 65534), 0);
  EXPECT_NE(find_address("", environment), "unix:" + folder + "/observe.sock");
}

TEST(SocketPath, IsThatOfAUnixTarget) {
  EXPECT_EQ(socket_path("unix:/run/x.sock"), "/run/x.sock");
  EXPECT_EQ(socket_path("unix:///run/x.sock"), "/run/x.sock");
  EXPECT_EQ(socket_path("127.0.0.1:7443"), "");
}

}  // namespace
}  // namespace evloopd::ctl
