#include "control/unix_listener.h"

#include <gmock/gmock.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "base/unique_fd.h"

namespace evloopd::control {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

class UnixListenerTest : public testing::Test {
 protected:
  UnixListenerTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "evloopd-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~UnixListenerTest() override { std::filesystem::remove_all(folder_); }

  static int connect_to(const std::string& path) {
    const evloop::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
  }

  // What a daemon that was killed leaves behind: a socket's file and nobody behind it.
  static void leave_stale(const std::string& path) {
    const evloop::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }

  static mode_t mode_of(const std::string& path) {
    struct stat status{};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return status.st_mode & 07777;
  }

  std::string folder_;
};

TEST_F(UnixListenerTest, ListensWithTheModeItWasGivenAndMakesItsFolder) {
  const auto path = folder_ + "/run/x.sock";
  const UnixListener listener(path, 0620, "");
  EXPECT_EQ(connect_to(path), 0);
  EXPECT_EQ(mode_of(path), 0620U);
}

TEST_F(UnixListenerTest, RemovesItsFileWhenItGoes) {
  const auto path = folder_ + "/x.sock";
  {
    const UnixListener listener(path, 0600, "");
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(UnixListenerTest, LeavesAFileThatHasTakenItsPlace) {
  const auto path = folder_ + "/x.sock";
  {
    const UnixListener listener(path, 0600, "");
    std::filesystem::rename(path, folder_ + "/away");
    std::ofstream(path) << "somebody else's";
  }
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(UnixListenerTest, ReplacesAStaleSocket) {
  const auto path = folder_ + "/x.sock";
  leave_stale(path);
  ASSERT_EQ(connect_to(path), ECONNREFUSED);
  const UnixListener listener(path, 0600, "");
  EXPECT_EQ(connect_to(path), 0);
}

TEST_F(UnixListenerTest, RefusesASocketThatALivingProcessServes) {
  const auto path = folder_ + "/x.sock";
  const UnixListener first(path, 0600, "");
  EXPECT_THAT([&] { UnixListener(path, 0600, ""); },
              ThrowsMessage<std::runtime_error>(HasSubstr("another process serves it")));
  EXPECT_EQ(connect_to(path), 0) << "the first goes on";
}

TEST_F(UnixListenerTest, RefusesToReplaceAFileThatIsNoSocket) {
  const auto path = folder_ + "/x.sock";
  std::ofstream(path) << "precious";
  EXPECT_THAT([&] { UnixListener(path, 0600, ""); }, ThrowsMessage<std::runtime_error>(HasSubstr("no socket")));
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(UnixListenerTest, TakesPathsOf107BytesAndNamesTheLimit) {
  const auto longest = folder_ + "/" + std::string(107 - folder_.size() - 1, 'x');
  {
    const UnixListener listener(longest, 0600, "");
  }
  EXPECT_THAT([&] { UnixListener(longest + "x", 0600, ""); },
              ThrowsMessage<std::runtime_error>(HasSubstr("1 to 107 bytes, this one 108")));
}

TEST_F(UnixListenerTest, RefusesAnUnknownGroup) {
  EXPECT_THAT([&] { UnixListener(folder_ + "/x.sock", 0600, "no-such-group-here"); },
              ThrowsMessage<std::runtime_error>(HasSubstr("no group 'no-such-group-here'")));
}

TEST_F(UnixListenerTest, GivesTheSocketToItsGroup) {
  const auto* own = ::getgrgid(::getegid());
  ASSERT_NE(own, nullptr);
  const UnixListener listener(folder_ + "/x.sock", 0660, own->gr_name);
  struct stat status{};
  ASSERT_EQ(::stat(listener.path().c_str(), &status), 0);
  EXPECT_EQ(status.st_gid, ::getegid());
}

TEST_F(UnixListenerTest, RefusesAFolderOfAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make such a folder";
  const auto theirs = folder_ + "/theirs";
  ASSERT_EQ(::mkdir(theirs.c_str(), 0777), 0);
  ASSERT_EQ(::chown(theirs.c_str(), 65534, 65534), 0);
  EXPECT_THAT([&] { UnixListener(theirs + "/x.sock", 0600, ""); },
              ThrowsMessage<std::runtime_error>(HasSubstr("belongs to user 65534")));
}

}  // namespace
}  // namespace evloopd::control
