#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "aio/event_loop.h"
#include "aio/operation.h"
#include "net/tls_layer.h"
#include "net/transport.h"

namespace evloop {

class StreamReaderProtocol;

// asyncio's StreamWriter: the writing side of a stream, and its end. Closes the connection when nobody holds it any
// more, with a warning if nobody had closed that (STREAM-20). A part of the StreamReaderProtocol that made it and lives
// as long: include net/stream_protocol.h. Counts its references, plainly. Loop thread only.
class StreamWriter {
 public:
  StreamWriter(const StreamWriter&) = delete;
  StreamWriter& operator=(const StreamWriter&) = delete;

  // See Transport. To be followed by drain(), or memory has no bound.
  void write(std::span<const std::byte> data) { transport_->write(data); }
  void write(std::string_view text) { transport_->write(text); }
  void writelines(std::span<const std::span<const std::byte>> chunks) { transport_->writelines(chunks); }
  void write_eof() { transport_->write_eof(); }
  [[nodiscard]] bool can_write_eof() const noexcept { return transport_->can_write_eof(); }
  void close() { transport_->close(); }
  [[nodiscard]] bool is_closing() const noexcept { return transport_->is_closing(); }

  // Waits while more is buffered than the high-water mark (STREAM-14). Throws the connection's error; once it is lost,
  // ConnectionResetError("Connection lost") as a std::system_error (STREAM-15, STREAM-16).
  class Drain;
  [[nodiscard]] Drain drain();
  // Turns the connection into one over TLS, by tls_client() or tls_server(), once what was written is sent. Nobody
  // reads or writes meanwhile (STREAM-19). Throws as start_tls() in net/start_tls.h; the connection is closed then.
  Coro<void> start_tls(TlsClient client);
  Coro<void> start_tls(TlsServer server);
  // Until connection_lost; throws its error (STREAM-17).
  Coro<void> wait_closed();

  [[nodiscard]] Transport& transport() const noexcept { return *transport_; }
  [[nodiscard]] StreamReaderProtocol& protocol() noexcept;
  // asyncio's get_extra_info(): see Transport.
  [[nodiscard]] int fd() const noexcept { return transport_->fd(); }
  [[nodiscard]] const SocketAddress& sockname() const { return transport_->sockname(); }
  [[nodiscard]] const SocketAddress& peername() const { return transport_->peername(); }

  void add_ref() noexcept { ++references_; }
  void release() noexcept {
    if (--references_ == 0) [[unlikely]]
      dispose();
  }

 protected:
  StreamWriter() noexcept = default;
  ~StreamWriter() = default;

 private:
  friend class StreamReaderProtocol;
  class DrainAwaiter;

  void dispose() noexcept;
  // Nothing to wait for, and nothing to throw.
  [[nodiscard]] bool drained() const;
  Coro<void> drain_slowly();

  template <class Layer>
  Coro<void> upgrade(Layer layer);

  Ref<Transport> transport_;  // none: nobody holds a writer
  std::uint32_t references_ = 0;
};

class StreamWriter::DrainAwaiter {
 public:
  DrainAwaiter(Ref<StreamWriter>&& writer, AwaitSite site) noexcept : writer_(std::move(writer)), site_(site) {}

  [[nodiscard]] bool await_ready() const { return writer_->drained(); }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> frame) {
    return slow_way_.begin(writer_->drain_slowly(), site_, frame);
  }
  void await_resume() {
    if (slow_way_.taken()) slow_way_.result();
  }

 private:
  const HeldRef<StreamWriter> writer_;
  const AwaitSite site_;
  SlowWay<void> slow_way_;
};

class [[nodiscard]] StreamWriter::Drain : public OperationBase {
 public:
  using Value = void;
  explicit Drain(Ref<StreamWriter> writer) noexcept : writer_(std::move(writer)) {}
  DrainAwaiter awaited(AwaitSite site) && noexcept { return {std::move(writer_), site}; }

 private:
  Ref<StreamWriter> writer_;
};

inline StreamWriter::Drain StreamWriter::drain() { return Drain(Ref(this)); }

}  // namespace evloop
