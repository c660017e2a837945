#pragma once

#include <cstdint>
#include <exception>
#include <string>

#include "aio/event_loop.h"
#include "net/bytes.h"
#include "net/flow_control.h"
#include "net/tls/tls.h"
#include "net/tls/tls_session.h"
#include "net/tls_layer.h"

namespace evloop {

// The transport that a protocol over TLS uses (asyncio's SSLProtocol and its transport in one). The transport below,
// which alone receives and sends, is its other side: a small protocol, TlsProtocol, passes on what that one calls.
//
//   waiting -> handshaking -> open -> [ending ->] closing -> closed
//
// TlsProtocol owns it, and so the transport below, until connection_lost has returned; see Transport. Holds memory for
// data only while the protocol above does not read, or the transport below is full. Loop thread only.
class TlsTransport final : public FlowControlledTransport {
 public:
  // See TlsLayer::wrap().
  static TlsLayer::Wrapped create(EventLoop& loop, Ref<BaseProtocol> protocol, TlsContext context,
                                  std::string server_name, const TlsTimeouts& timeouts, Future<void> waiter,
                                  TlsLayer::Begin begin);

  // --- for the protocol above ---

  using Transport::write;
  void write(std::span<const std::byte> data) override;
  void writelines(std::span<const std::span<const std::byte>> chunks) override;
  // Throws LoopError: TLS has no half-closed connections (TLS-09).
  void write_eof() override;
  [[nodiscard]] bool can_write_eof() const noexcept override { return false; }
  // The system would send the bytes of a file as they are (SENDF-04).
  [[nodiscard]] SendfileMode sendfile_mode() const noexcept override { return SendfileMode::fallback; }
  // Flushes, says that this side closes, and waits until the peer does (TLS-07).
  void close() override;
  void abort() override { force_close(nullptr); }
  [[nodiscard]] bool carries_layers() const noexcept override { return true; }
  void force_close(std::exception_ptr error) override;
  void pause_reading() override;
  void resume_reading() override;
  [[nodiscard]] bool is_reading() const noexcept override { return !closing_ && !reading_paused_; }
  // What the transport below has taken does not count any more (TLS-06).
  [[nodiscard]] std::size_t get_write_buffer_size() const noexcept override {
    return backlog_.size() + session_.records().output_size();
  }
  void set_protocol(Ref<BaseProtocol> protocol) override { protocol_ = std::move(protocol); }

  [[nodiscard]] int fd() const noexcept override { return lower_ ? lower_->fd() : -1; }
  [[nodiscard]] const SocketAddress& sockname() const override;
  [[nodiscard]] const SocketAddress& peername() const override;
  [[nodiscard]] const TlsSession* tls() const noexcept override { return &session_; }
  [[nodiscard]] std::string describe() const override;

  // --- for TlsProtocol: what the transport below calls ---

  void lower_made(Transport& lower);
  void lower_lost(std::exception_ptr error);
  void lower_received(std::span<const std::byte> data);
  // Whether the transport below stays open for now.
  [[nodiscard]] bool lower_ended();
  void lower_paused() noexcept { lower_paused_ = true; }
  void lower_resumed();
  // The transport below has dropped its protocol: after connection_lost, or as the loop is closed.
  void lower_dropped() noexcept;

 private:
  static constexpr std::size_t high_water_for_writing = 512 * 1024;

  [[nodiscard]] FlowControl flow_control() const noexcept override {
    return {.high = high_water_for_writing, .pause_at_high = true};
  }

  enum class State : std::uint8_t {
    waiting,      // for the transport below
    handshaking,  //
    open,         //
    ending,       // the peer's bytes have ended, and the protocol has not read them all
    closing,      // this side has said so; what the peer still sends is dropped
    closed        // nothing more happens but connection_lost
  };
  class Farewell;

  TlsTransport(EventLoop& loop, Ref<BaseProtocol> protocol, TlsContext context, std::string server_name,
               const TlsTimeouts& timeouts, Future<void> waiter, TlsLayer::Begin begin);

  // What the state wants, after something came.
  void advance();
  void go_on();
  void handshake();
  void handshake_done();
  void handshake_failed(std::exception_ptr error);
  void handshake_timed_out();
  void wake_waiter(const std::exception_ptr& error);

  [[nodiscard]] bool may_deliver() const noexcept {
    return (state_ == State::open || state_ == State::ending) && !reading_paused_;
  }
  void read();
  // Each answers whether there may be more.
  bool read_plain(Protocol& protocol);
  bool read_buffered(BufferedProtocol& protocol);
  void peer_closed();
  void call_eof_received();
  void control_reading();

  // True if a write is to be dropped (TLS-10).
  bool drop_write();
  // Encrypts, or keeps what has to wait (TLS-05). False after a fatal error.
  bool encrypt(std::span<const std::byte> data);
  void write_backlog();
  void flush();

  void begin_shutdown();
  void shut_down();
  void shutdown_done();
  void shutdown_timed_out();
  void close_lower();
  void let_go() noexcept;
  void fatal_error(std::exception_ptr error, const char* message);

  TlsSession session_;
  const TlsTimeouts timeouts_;
  Ref<Transport> lower_;  // none while waiting
  Future<void> waiter_;
  TimerHandle timer_;  // of the handshake, then of the shutdown
  Bytes backlog_;      // not encrypted yet
  std::uint32_t dropped_writes_ = 0;
  State state_ = State::waiting;
  bool made_;  // the protocol knows of its connection
  bool lost_ = false;
  bool eof_called_ = false;
  bool reading_paused_ = false;        // by pause_reading()
  bool lower_reading_paused_ = false;  // by this, as too much has come
  bool lower_paused_ = false;          // its buffer is full
  bool lower_eof_ = false;
  bool shutdown_done_ = false;
};

// "60", "0.5"
[[nodiscard]] std::string seconds_text(Duration duration);

}  // namespace evloop
