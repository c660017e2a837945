#include "net/read_pipe_transport.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/system_error.h"
#include "net/os_error.h"

namespace evloop {
namespace {

[[noreturn]] void refuse_to_write() { throw LoopError("Cannot write to a read pipe transport"); }

}  // namespace

void ReadPipeTransport::check(int fd) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) throw_errno("fstat");
  if (!S_ISFIFO(status.st_mode) && !S_ISSOCK(status.st_mode) && !S_ISCHR(status.st_mode))
    throw ValueError("Pipe transport is for pipes/sockets only.");
}

Ref<ReadPipeTransport> ReadPipeTransport::create(EventLoop& loop, UniqueFd fd, Ref<BaseProtocol> protocol,
                                                 Future<void> waiter) {
  Ref<ReadPipeTransport> transport(new ReadPipeTransport(loop, std::move(fd), std::move(protocol)));
  transport->begin(waiter);
  return transport;
}

ReadPipeTransport::ReadPipeTransport(EventLoop& loop, UniqueFd fd, Ref<BaseProtocol> protocol)
    : PipeTransport(loop, std::move(fd), std::move(protocol)) {}

// --- reading ---

void ReadPipeTransport::start() {
  started_ = true;
  if (is_reading()) watch_readable();
}

void ReadPipeTransport::watch_readable() {
  watch(Interest::read, "Fatal read error on pipe transport", [this] { read_ready(); });
}

void ReadPipeTransport::pause_reading() {
  if (!is_reading()) return;
  paused_ = true;
  unwatch(Interest::read);
}

void ReadPipeTransport::resume_reading() {
  if (closing_ || !paused_) return;
  paused_ = false;
  if (started_) watch_readable();
}

void ReadPipeTransport::read_ready() {
  const auto protocol = protocol_;  // it may be replaced by what it is called for
  auto* const buffered = protocol->is_buffered() ? static_cast<BufferedProtocol*>(protocol.get()) : nullptr;
  const auto buffer = buffered ? buffered->get_buffer(-1) : loop_->receive_buffer();
  const auto received = ::read(fd(), buffer.data(), buffer.size());
  if (received > 0) {
    const auto count = static_cast<std::size_t>(received);
    if (buffered)
      buffered->buffer_updated(count);
    else
      static_cast<Protocol&>(*protocol).data_received(buffer.first(count));
  } else if (received == 0) {
    end_of_data();
  } else if (errno != EAGAIN && errno != EINTR) {
    fatal_error(make_os_error("read"), "Fatal read error on pipe transport");
  }
}

// What eof_received answers does not matter: nothing is left to be done with a pipe that has ended (PIPE-03).
void ReadPipeTransport::end_of_data() {
  closing_ = true;
  unwatch(Interest::read);
  loop_->call_soon([self = Ref(this)] {
    const auto protocol = self->protocol_;
    if (protocol->is_buffered())
      static_cast<BufferedProtocol&>(*protocol).eof_received();
    else
      static_cast<Protocol&>(*protocol).eof_received();
  });
  queue_connection_lost(nullptr);
}

// --- the end ---

void ReadPipeTransport::close() {
  if (!closing_) force_close(nullptr);
}

void ReadPipeTransport::force_close(std::exception_ptr error) {
  closing_ = true;
  unwatch(Interest::read);
  queue_connection_lost(std::move(error));
}

// A terminal whose other side was closed gives EIO (PIPE-04).
bool ReadPipeTransport::is_ordinary(const std::exception_ptr& error) const {
  try {
    std::rethrow_exception(error);
  } catch (const std::system_error& e) {
    return e.code() == std::errc::io_error;
  } catch (...) {
    return false;
  }
}

// --- what it has not ---

void ReadPipeTransport::write(std::span<const std::byte>) { refuse_to_write(); }
void ReadPipeTransport::writelines(std::span<const std::span<const std::byte>>) { refuse_to_write(); }
void ReadPipeTransport::write_eof() { refuse_to_write(); }

std::string ReadPipeTransport::describe() const {
  if (!loop_) return "<ReadPipeTransport closed>";
  std::string text = "<ReadPipeTransport";
  if (closing_) text += " closing";
  text += " fd=" + std::to_string(fd());
  return text + (loop_->is_watched(fd(), Interest::read) ? " polling>" : " idle>");
}

}  // namespace evloop
