#include "net/file_range.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string>

#include "base/system_error.h"
#include "net/os_error.h"
#include "net/sendfile.h"

namespace evloop {
namespace {

// For one turn of the loop: a peer that reads as fast as this sends must not hold up the others.
constexpr std::size_t most_per_turn = 1024 * 1024;

// sendfile(2) knows no MSG_NOSIGNAL: while this lives, the signal of a peer that is gone does not reach the program.
class NoPipeSignal {
 public:
  NoPipeSignal() noexcept {
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoPipeSignal() {
    if (raised_) {
      constexpr timespec at_once{};
      ::sigtimedwait(&pipe_, nullptr, &at_once);
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoPipeSignal(const NoPipeSignal&) = delete;
  NoPipeSignal& operator=(const NoPipeSignal&) = delete;

  void raised() noexcept { raised_ = true; }

 private:
  sigset_t pipe_;
  sigset_t before_;
  bool raised_ = false;
};

}  // namespace

FileRange::FileRange(int file, std::int64_t offset, std::optional<std::int64_t> count)
    : file_(file), offset_(offset), count_(count), position_(offset) {
  if (count && *count <= 0) throw ValueError("count must be a positive integer (got " + std::to_string(*count) + ")");
  if (offset < 0) throw ValueError("offset must be a non-negative integer (got " + std::to_string(offset) + ")");
}

// A pipe has no position: nothing to do then.
FileRange::~FileRange() { ::lseek(file_, position_, SEEK_SET); }

std::size_t FileRange::at_most(std::size_t size) const noexcept {
  return count_ ? std::min(size, static_cast<std::size_t>(*count_ - sent())) : size;
}

bool FileRange::send(int socket) {
  NoPipeSignal signal;
  for (std::size_t left = most_per_turn; left > 0;) {
    const auto block = at_most(left);
    if (block == 0) return true;
    const auto count = ::sendfile(socket, file_, &position_, block);
    if (count == 0) return true;
    if (count < 0) {
      const int error = errno;
      if (error == EAGAIN || error == EINTR) return false;
      if (error == EPIPE) signal.raised();
      if (sent() == 0) throw SendfileNotAvailableError("sendfile syscall is not supported");
      if (error == ENOTCONN) throw OsError(error, "socket is not connected");
      throw_errno("sendfile");
    }
    left -= static_cast<std::size_t>(count);
  }
  return false;
}

Future<std::size_t> FileRange::read(EventLoop& loop) {
  if (!source_) {
    UniqueFd file(::fcntl(file_, F_DUPFD_CLOEXEC, 0));
    if (!file) throw_errno("fcntl");
    const bool seekable = ::lseek(file_, 0, SEEK_CUR) >= 0;
    if (!seekable && offset_ > 0) throw_errno("lseek");
    source_ = std::make_shared<Source>(std::move(file), seekable);
  }
  return loop.run_in_executor(nullptr, [source = source_, most = at_most(block_size), at = position_] {
    auto* const block = source->block.data();
    for (;;) {
      const auto count =
          source->seekable ? ::pread(source->file.get(), block, most, at) : ::read(source->file.get(), block, most);
      if (count >= 0) return static_cast<std::size_t>(count);
      if (errno != EINTR) throw_errno("read");
    }
  });
}

std::span<const std::byte> FileRange::take(std::size_t size) noexcept {
  position_ += static_cast<off_t>(size);
  return std::span(source_->block).first(size);
}

}  // namespace evloop
