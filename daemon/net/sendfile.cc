#include "net/sendfile.h"

#include <cerrno>

#include "aio/settled.h"
#include "net/file_range.h"
#include "net/os_error.h"
#include "net/sock.h"
#include "net/socket_transport.h"
#include "net/when_ready.h"

namespace evloop {
namespace {

// Lets a transport pause reading for as long as this lives.
class ReadingPause {
 public:
  explicit ReadingPause(Ref<Transport> transport) : transport_(std::move(transport)), reads_(transport_->is_reading()) {
    transport_->pause_reading();
  }
  ~ReadingPause() {
    if (reads_) transport_->resume_reading();
  }
  ReadingPause(const ReadingPause&) = delete;
  ReadingPause& operator=(const ReadingPause&) = delete;

 private:
  const Ref<Transport> transport_;
  const bool reads_;
};

// Sends past the buffer of a transport, whenever its socket takes something.
class NativeSend final : public DirectSender {
 public:
  NativeSend(EventLoop& loop, SocketTransport& transport, FileRange& range)
      : done_(loop.create_future()), transport_(&transport), range_(range) {
    transport.begin_direct_send(*this);
  }
  ~NativeSend() { transport_->end_direct_send(*this); }
  NativeSend(const NativeSend&) = delete;
  NativeSend& operator=(const NativeSend&) = delete;

  [[nodiscard]] const Future<void>& done() const noexcept { return done_; }

  bool send(int fd) override {
    if (done_.done()) return true;
    try {
      if (range_.send(fd)) done_.set_result();
    } catch (...) {
      done_.set_exception(std::current_exception());
    }
    return done_.done();
  }
  void connection_lost(std::exception_ptr error) override {
    if (done_.done()) return;
    if (error) {
      done_.set_exception(std::move(error));
    } else {
      done_.set_exception(OsError(ECONNRESET, "Connection is closed by peer"));
    }
  }

 private:
  const Future<void> done_;
  const Ref<SocketTransport> transport_;
  FileRange& range_;
};

// Stands in for a transport's protocol while the fallback writes: knows when to wait, and passes on what the protocol
// has to know.
class FallbackProtocol final : public Protocol {
 public:
  explicit FallbackProtocol(Ref<Transport> transport)
      : transport_(std::move(transport)), protocol_(transport_->get_protocol()) {}

  // Waits while more is buffered than the high-water mark. Throws if the connection ends.
  Coro<void> drain() {
    if (lost_ || transport_->is_closing()) throw OsError(ECONNRESET, "Connection closed by peer");
    if (transport_->get_write_buffer_size() <= transport_->get_write_buffer_limits().high) co_return;
    room_ = transport_->loop()->create_future();
    room_.state()->set_wait_kind(WaitKind::stream);
    co_await room_;
  }
  // A connection that is lost has no protocol any more.
  void restore() {
    if (transport_->get_protocol().get() == this) transport_->set_protocol(protocol_);
  }

  void connection_lost(std::exception_ptr error) override {
    lost_ = true;
    if (waits()) room_.set_exception(error ? error : make_os_error("sendfile", ECONNRESET));
    protocol_->connection_lost(std::move(error));
  }
  void pause_writing() override { protocol_->pause_writing(); }
  void resume_writing() override {
    if (waits()) room_.set_result();
    protocol_->resume_writing();
  }
  void data_received(std::span<const std::byte>) override {
    throw LoopError("Invalid state: reading should be paused");
  }
  bool eof_received() override { throw LoopError("Invalid state: reading should be paused"); }

 private:
  [[nodiscard]] bool waits() const { return room_ && !room_.done(); }

  const Ref<Transport> transport_;
  const Ref<BaseProtocol> protocol_;
  Future<void> room_;
  bool lost_ = false;
};

Coro<void> send_native(EventLoop& loop, Ref<Transport> transport, FileRange& range) {
  const ReadingPause pause(transport);
  const NativeSend send(loop, static_cast<SocketTransport&>(*transport), range);
  co_await send.done();
}

Coro<void> send_by_copy(EventLoop& loop, Ref<Transport> transport, FileRange& range) {
  const ReadingPause pause(transport);
  const Ref<FallbackProtocol> protocol(new FallbackProtocol(transport));
  transport->set_protocol(protocol);
  struct AtExit {
    FallbackProtocol& fallback;
    ~AtExit() { fallback.restore(); }
  } const at_exit{*protocol};
  while (const auto size = co_await range.read(loop)) {
    co_await protocol->drain();
    transport->write(range.take(size));
  }
}

// Nothing if the system call has sent all; else what it failed with, unless the fallback may help.
bool needs_fallback(const Outcome<void>& native, bool fallback) {
  if (native.has_value()) return false;
  if (!fallback || !holds<SendfileNotAvailableError>(native.error())) std::rethrow_exception(native.error());
  return true;
}

}  // namespace

Coro<std::int64_t> sendfile(EventLoop& loop, Ref<Transport> transport, int file, SendfileOptions options) {
  using Mode = Transport::SendfileMode;
  if (transport->is_closing()) throw LoopError("Transport is closing");
  const auto mode = transport->sendfile_mode();
  if (mode == Mode::unsupported) throw LoopError("sendfile is not supported for transport " + transport->describe());
  FileRange range(file, options.offset, options.count);
  if (mode == Mode::try_native) {
    const auto native = co_await settled(send_native(loop, transport, range));
    if (!needs_fallback(native, options.fallback)) co_return range.sent();
  }
  if (!options.fallback)
    throw LoopError("fallback is disabled and native sendfile is not supported for transport " + transport->describe());
  co_await send_by_copy(loop, transport, range);
  co_return range.sent();
}

Coro<std::int64_t> sock_sendfile(EventLoop& loop, int fd, int file, SendfileOptions options) {
  if (SocketKind::of(fd).type != SOCK_STREAM) throw ValueError("only SOCK_STREAM type sockets are supported");
  FileRange range(file, options.offset, options.count);
  const auto native =
      co_await settled(when_ready<void>(loop, fd, Interest::write, [&range, fd]() -> std::optional<Unit> {
        return range.send(fd) ? std::optional(Unit{}) : std::nullopt;
      }));
  if (!needs_fallback(native, options.fallback)) co_return range.sent();
  while (const auto size = co_await range.read(loop)) co_await sock_sendall(loop, fd, range.take(size));
  co_return range.sent();
}

}  // namespace evloop
