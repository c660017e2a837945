#include "net/failing_calls.h"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace {

// True, with errno, if this call is one to fail.
bool fails(std::deque<int>& errors) {
  if (errors.empty()) return false;
  errno = errors.front();
  errors.pop_front();
  return errno != 0;
}

}  // namespace

// In place of the C library's.

extern "C" int accept4(int fd, sockaddr* address, socklen_t* length, int flags) {
  if (fails(evloop::FailingCalls::accept4)) return -1;
  return static_cast<int>(::syscall(SYS_accept4, fd, address, length, flags));
}

extern "C" ssize_t sendfile(int to, int from, off_t* offset, std::size_t count) noexcept {
  if (fails(evloop::FailingCalls::sendfile)) return -1;
  return ::syscall(SYS_sendfile, to, from, offset, count);
}
