#include "control/unix_listener.h"

#include <fmt/format.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include "base/system_error.h"

namespace evloopd::control {
namespace {

using evloop::throw_errno;
using evloop::UniqueFd;

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path))
    throw std::runtime_error(fmt::format("control socket '{}': a path of a unix socket has 1 to {} bytes, this one {}",
                                         path, sizeof(address.sun_path) - 1, path.size()));
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

const sockaddr* as_sockaddr(const sockaddr_un& address) { return reinterpret_cast<const sockaddr*>(&address); }

UniqueFd make_socket(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) throw_errno(fmt::format("control socket '{}': socket", path));
  return fd;
}

// In a folder that another user may write, that user could put a socket of his own in our socket's place.
void make_folder(const std::string& path) {
  auto folder = std::filesystem::path(path).parent_path();
  if (folder.empty()) folder = ".";
  if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST)
    throw_errno(fmt::format("control socket '{}': cannot make its folder", path));
  struct stat status{};
  if (::stat(folder.c_str(), &status) != 0) throw_errno(fmt::format("control socket '{}': its folder", path));
  if (status.st_uid != ::geteuid() && status.st_uid != 0)
    throw std::runtime_error(
        fmt::format("control socket '{}': its folder belongs to user {}, not to user {} who runs "
                    "this daemon; name another folder",
                    path, status.st_uid, ::geteuid()));
}

void remove_stale(const std::string& path, const sockaddr_un& address) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return;
    throw_errno(fmt::format("control socket '{}'", path));
  }
  if (!S_ISSOCK(status.st_mode))
    throw std::runtime_error(fmt::format("control socket '{}': there is a file of that name that is no socket", path));
  const auto probe = make_socket(path);
  if (::connect(probe.get(), as_sockaddr(address), sizeof address) == 0 || errno == EAGAIN)
    throw std::runtime_error(
        fmt::format("control socket '{}': another process serves it; stop that one first, or give "
                    "this daemon other sockets",
                    path));
  if (errno != ECONNREFUSED && errno != ENOENT) throw_errno(fmt::format("control socket '{}'", path));
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    throw_errno(fmt::format("control socket '{}': cannot remove the stale one", path));
}

gid_t find_group(const std::string& path, const std::string& group) {
  const auto* entry = ::getgrnam(group.c_str());  // only at start, before any other thread of ours asks
  if (entry == nullptr)
    throw std::runtime_error(fmt::format("control socket '{}': there is no group '{}'", path, group));
  return entry->gr_gid;
}

}  // namespace

UnixListener::UnixListener(std::string path, mode_t mode, const std::string& group) : path_(std::move(path)) {
  const auto address = address_of(path_);
  make_folder(path_);
  remove_stale(path_, address);
  fd_ = make_socket(path_);
  if (::bind(fd_.get(), as_sockaddr(address), sizeof address) != 0)
    throw_errno(fmt::format("control socket '{}': bind", path_));
  struct stat status{};
  if (::lstat(path_.c_str(), &status) != 0) throw_errno(fmt::format("control socket '{}'", path_));
  device_ = status.st_dev;
  inode_ = status.st_ino;

  // Until listen() every connect is refused, so nobody slips in under the umask's rights.
  if (!group.empty() && ::chown(path_.c_str(), static_cast<uid_t>(-1), find_group(path_, group)) != 0)
    throw_errno(fmt::format("control socket '{}': cannot give it to group '{}'", path_, group));
  if (::chmod(path_.c_str(), mode) != 0) throw_errno(fmt::format("control socket '{}': chmod", path_));
  if (::listen(fd_.get(), 128) != 0) throw_errno(fmt::format("control socket '{}': listen", path_));
}

UnixListener::~UnixListener() {
  struct stat status{};
  if (::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_)
    ::unlink(path_.c_str());
}

}  // namespace evloopd::control
