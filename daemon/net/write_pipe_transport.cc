#include "net/write_pipe_transport.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/log.h"
#include "base/system_error.h"
#include "net/os_error.h"

namespace evloop {
namespace {

// Writes after the end that are dropped without a word.
constexpr std::uint32_t silent_writes = 4;

bool would_block(int error) noexcept { return error == EAGAIN || error == EINTR; }

void ignore_broken_pipes() {
  static const bool done = [] {
    struct sigaction present{};
    if (::sigaction(SIGPIPE, nullptr, &present) == 0 && present.sa_handler == SIG_DFL) ::signal(SIGPIPE, SIG_IGN);
    return true;
  }();
  static_cast<void>(done);
}

}  // namespace

void WritePipeTransport::check(int fd) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) throw_errno("fstat");
  if (!S_ISFIFO(status.st_mode) && !S_ISSOCK(status.st_mode) && !S_ISCHR(status.st_mode))
    throw ValueError("Pipe transport is only for pipes, sockets and character devices");
}

Ref<WritePipeTransport> WritePipeTransport::create(EventLoop& loop, UniqueFd fd, Ref<BaseProtocol> protocol,
                                                   Future<void> waiter) {
  Ref<WritePipeTransport> transport(new WritePipeTransport(loop, std::move(fd), std::move(protocol)));
  transport->begin(waiter);
  return transport;
}

WritePipeTransport::WritePipeTransport(EventLoop& loop, UniqueFd fd, Ref<BaseProtocol> protocol)
    : PipeTransport(loop, std::move(fd), std::move(protocol)) {
  ignore_broken_pipes();
}

// Pipes and sockets turn readable when nobody reads them any more, so that this is noticed without a write (PIPE-08).
// A character device may be one that cannot be polled, and a terminal has input.
void WritePipeTransport::start() {
  struct stat status{};
  if (closing_ || ::fstat(fd(), &status) != 0 || S_ISCHR(status.st_mode)) return;
  watch(Interest::read, "Fatal write error on pipe transport", [this] { peer_closed(); });
}

void WritePipeTransport::peer_closed() { force_close(buffer_.empty() ? nullptr : make_os_error("write", EPIPE)); }

// --- writing ---

void WritePipeTransport::write(std::span<const std::byte> data) {
  if (data.empty()) return;
  if (closing_) {
    if (dropped_writes_++ >= silent_writes)
      log(LogLevel::warning, "pipe closed by peer or os.write(pipe, data) raised exception.");
    return;
  }
  if (buffer_.empty()) {
    const auto sent = ::write(fd(), data.data(), data.size());
    if (sent == std::ssize(data)) return;
    if (sent < 0 && !would_block(errno)) return write_failed();
    data = data.subspan(sent < 0 ? 0 : static_cast<std::size_t>(sent));
    watch(Interest::write, "Fatal write error on pipe transport", [this] { write_ready(); });
    if (closing_) return;
  }
  buffer_.append(data);
  maybe_pause_protocol();
}

void WritePipeTransport::writelines(std::span<const std::span<const std::byte>> chunks) {
  Bytes all;
  for (const auto chunk : chunks) all.append(chunk);
  write(all);
}

void WritePipeTransport::write_ready() {
  const Ref<WritePipeTransport> self(this);  // connection_lost may be called from here
  const auto sent = ::write(fd(), buffer_.data(), buffer_.size());
  if (sent < 0) {
    if (!would_block(errno)) write_failed();
    return;
  }
  buffer_.consume(static_cast<std::size_t>(sent));
  // asyncio resumes the protocol only when the buffer is empty; here it is at the low-water mark, as for sockets.
  maybe_resume_protocol();  // may write, close or abort
  if (!buffer_.empty() || lost_) return;
  unwatch(Interest::write);
  if (!closing_) return;
  lost_ = true;
  unwatch(Interest::read);
  call_connection_lost(nullptr);
}

void WritePipeTransport::write_failed() { fatal_error(make_os_error("write"), "Fatal write error on pipe transport"); }

// --- the end ---

void WritePipeTransport::close() {
  if (closing_) return;
  closing_ = true;
  if (!buffer_.empty()) return;
  lost_ = true;
  unwatch(Interest::write);  // in the middle of a flush
  unwatch(Interest::read);
  queue_connection_lost(nullptr);
}

void WritePipeTransport::abort() {
  if (loop_) force_close(nullptr);
}

void WritePipeTransport::force_close(std::exception_ptr error) {
  closing_ = true;
  if (std::exchange(lost_, true)) return;
  buffer_.clear();
  unwatch(Interest::write);
  unwatch(Interest::read);
  queue_connection_lost(std::move(error));
}

// System errors are daily life: connection_lost tells (PIPE-04).
bool WritePipeTransport::is_ordinary(const std::exception_ptr& error) const { return holds<std::system_error>(error); }

std::string WritePipeTransport::describe() const {
  if (!loop_) return "<WritePipeTransport closed>";
  std::string text = "<WritePipeTransport";
  if (closing_) text += " closing";
  text += " fd=" + std::to_string(fd());
  text += loop_->is_watched(fd(), Interest::write) ? " polling" : " idle";
  return text + " bufsize=" + std::to_string(buffer_.size()) + ">";
}

}  // namespace evloop
