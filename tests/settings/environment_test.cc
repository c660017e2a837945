#include "settings/environment.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "settings/loading.h"

namespace evloopd::settings {
namespace {

TEST(RuntimeDirectory, IsTheOneOfTheUnitElseOfTheUser) {
  const auto directory = [](std::map<std::string, std::string> variables, unsigned uid) {
    return runtime_directory(test_environment(std::move(variables)).variable, uid);
  };
  EXPECT_EQ(directory({{"RUNTIME_DIRECTORY", "/run/a:/run/b"}, {"XDG_RUNTIME_DIR", "/run/user/7"}}, 7), "/run/a");
  EXPECT_EQ(directory({{"RUNTIME_DIRECTORY", "/run/a"}}, 0), "/run/a");
  EXPECT_EQ(directory({{"XDG_RUNTIME_DIR", "/run/user/0"}}, 0), "/run/evloopd");
  EXPECT_EQ(directory({{"RUNTIME_DIRECTORY", ""}, {"XDG_RUNTIME_DIR", "/run/user/7"}}, 7), "/run/user/7/evloopd");
  EXPECT_EQ(directory({}, 7), "/tmp/evloopd-7");
}

// A /proc and a /sys with what the tests put there.
class CgroupLimit : public testing::Test {
 protected:
  CgroupLimit() {
    std::string pattern = testing::TempDir() + "cgroup-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
  }
  ~CgroupLimit() override { std::filesystem::remove_all(root_); }

  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }

  std::filesystem::path root_;
};

TEST_F(CgroupLimit, IsTheLeastOfTheGroupAndThoseAboveItRoundedUp) {
  write("proc/self/cgroup", "1:cpu:/other\n0::/system.slice/evloopd.service\n");
  EXPECT_EQ(cgroup_cpu_limit(root_), std::nullopt);
  write("sys/fs/cgroup/system.slice/evloopd.service/cpu.max", "max 100000\n");
  EXPECT_EQ(cgroup_cpu_limit(root_), std::nullopt);
  write("sys/fs/cgroup/system.slice/cpu.max", "350000 100000\n");
  EXPECT_EQ(cgroup_cpu_limit(root_), 4);
  write("sys/fs/cgroup/system.slice/evloopd.service/cpu.max", "50000 100000\n");
  EXPECT_EQ(cgroup_cpu_limit(root_), 1);
}

TEST_F(CgroupLimit, IsFoundAtTheTopInAContainer) {
  write("sys/fs/cgroup/cpu.max", "200000 100000\n");
  EXPECT_EQ(cgroup_cpu_limit(root_), std::nullopt) << "without /proc/self/cgroup it is not ours";
  write("proc/self/cgroup", "0::/\n");
  EXPECT_EQ(cgroup_cpu_limit(root_), 2);
  write("proc/self/cgroup", "0::/docker/0123/../..\n");
  EXPECT_EQ(cgroup_cpu_limit(root_), 2);
}

TEST_F(CgroupLimit, NonsenseLimitsNothing) {
  write("proc/self/cgroup", "0::/\n");
  for (const auto* nonsense : {"", "x", "0 0", "-1 100000", "100000"}) {
    write("sys/fs/cgroup/cpu.max", nonsense);
    EXPECT_EQ(cgroup_cpu_limit(root_), std::nullopt) << nonsense;
  }
}

TEST(Environment, OfThisProcessHasACpuAndADirectory) {
  const auto environment = Environment::current();
  EXPECT_GE(environment.cpus, 1);
  EXPECT_TRUE(environment.runtime_directory.starts_with('/'));
  EXPECT_TRUE(environment.variable("PATH"));
  EXPECT_FALSE(environment.variable("EVLOOPD_NO_SUCH_VARIABLE"));
}

}  // namespace
}  // namespace evloopd::settings
