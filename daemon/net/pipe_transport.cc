#include "net/pipe_transport.h"

#include "base/log.h"
#include "net/os_error.h"
#include "net/socket.h"

namespace evloop {

PipeTransport::PipeTransport(EventLoop& loop, UniqueFd fd, Ref<BaseProtocol> protocol)
    : FlowControlledTransport(loop, std::move(protocol)), fd_(std::move(fd)) {
  set_non_blocking(fd_.get());
  loop.claim(fd_.get(), *this);
}

PipeTransport::~PipeTransport() {
  // Only if begin() failed: the loop's reference is given up by let_go().
  if (fd_) loop_->unclaim(fd_.get(), *this);
}

void PipeTransport::begin(const Future<void>& waiter) {
  // One callback for what asyncio queues as three: nothing can come between them.
  loop_->call_soon([self = Ref(this), waiter] {
    std::exception_ptr failure;
    const auto protocol = self->protocol_;
    try {
      protocol->connection_made(*self);
    } catch (...) {
      failure = std::current_exception();
    }
    self->start();
    if (waiter && !waiter.done()) waiter.set_result();
    if (failure) std::rethrow_exception(failure);  // reported, and the connection lives on
  });
  add_ref();  // the loop's reference
}

const SocketAddress& PipeTransport::sockname() const {
  static const SocketAddress none;
  return none;
}

void PipeTransport::fatal_error(std::exception_ptr error, const char* message) {
  if (!is_ordinary(error)) {
    report(message, error);
  } else if (loop_->debug()) {
    log(LogLevel::debug, describe() + ": " + message + ": " + evloop::describe(error));
  }
  force_close(std::move(error));
}

void PipeTransport::queue_connection_lost(std::exception_ptr error) {
  loop_->call_soon(
      [self = Ref(this), error = std::move(error)]() mutable { self->call_connection_lost(std::move(error)); });
}

// The caller holds a reference.
void PipeTransport::call_connection_lost(std::exception_ptr error) {
  struct AtExit {
    PipeTransport& transport;
    ~AtExit() { transport.let_go(); }
  } const at_exit{*this};
  const auto protocol = protocol_;
  protocol->connection_lost(std::move(error));
}

void PipeTransport::loop_closed() noexcept {
  const Ref<PipeTransport> self(this);
  log(LogLevel::warning, "unclosed transport " + describe());
  let_go();
}

void PipeTransport::let_go() noexcept {
  closing_ = true;
  std::exchange(loop_, nullptr)->unclaim(fd_.get(), *this);
  fd_.reset();
  protocol_ = nullptr;
  release();
}

}  // namespace evloop
