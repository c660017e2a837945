#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "aio/event_loop.h"
#include "base/unique_fd.h"
#include "net/bytes.h"
#include "net/flow_control.h"
#include "net/transport_group.h"

namespace evloop {

// Sends on a transport's socket past its buffer: see SocketTransport::begin_direct_send().
class DirectSender {
 public:
  // Nothing is buffered, and the socket may take something. True: there is no more to send.
  virtual bool send(int fd) = 0;
  // Called instead of any further send().
  virtual void connection_lost(std::exception_ptr error) = 0;

 protected:
  ~DirectSender() = default;
};

// Receives from a transport's socket past its protocol: see SocketTransport::set_direct_receiver().
class DirectReceiver {
 public:
  // The socket may have something. Answers as recv() does: how much was taken, 0 at the end of data, or -1 and errno.
  virtual std::ptrdiff_t receive(int fd) = 0;

 protected:
  ~DirectReceiver() = default;
};

// The transport of a connected stream socket, TCP or unix: the only place that calls recv() and send() on it. See
// Transport for who owns it. Loop thread only.
//
// Receives into the loop's one buffer, and holds memory for data only while some waits to be written: an idle
// connection has none, and a message that the system takes at once needs neither memory nor a system call but its own.
// It is itself what the loop calls when there is something to read.
class SocketTransport final : public FlowControlledTransport, private FdOwner, private ScheduledCall {
 public:
  using FlowControlledTransport::add_ref;
  using FlowControlledTransport::release;

  // Takes over `fd`, a connected non-blocking stream socket, and queues connection_made; reading starts after it
  // (TRANS-01). `waiter`, if any, is completed then. Throws LoopError if another transport uses the fd; the socket is
  // closed then.
  static Ref<SocketTransport> create(EventLoop& loop, UniqueFd fd, Ref<BaseProtocol> protocol,
                                     Ref<TransportGroup> group = nullptr, Future<void> waiter = {});
  ~SocketTransport() override;

  using Transport::write;
  void write(std::span<const std::byte> data) override;
  void writelines(std::span<const std::span<const std::byte>> chunks) override;
  void write_eof() override;
  [[nodiscard]] bool can_write_eof() const noexcept override { return true; }
  [[nodiscard]] SendfileMode sendfile_mode() const noexcept override { return SendfileMode::try_native; }
  void close() override;
  void abort() override { force_close(nullptr); }
  [[nodiscard]] bool carries_layers() const noexcept override { return true; }
  void force_close(std::exception_ptr error) override;
  void pause_reading() override;
  void resume_reading() override;
  [[nodiscard]] bool is_reading() const noexcept override { return !closing_ && !paused_; }
  [[nodiscard]] std::size_t get_write_buffer_size() const noexcept override { return buffer_.size(); }
  void set_protocol(Ref<BaseProtocol> protocol) override { protocol_ = std::move(protocol); }

  // Once what is buffered has been sent, `sender` sends, at once or whenever the socket takes something, until its end;
  // write() throws meanwhile. Throws LoopError if another one does.
  void begin_direct_send(DirectSender& sender);
  void end_direct_send(const DirectSender& sender) noexcept;

  // From now on `receiver` receives, and the protocol is told of the end only; null: the protocol again. Until the
  // connection is lost.
  void set_direct_receiver(DirectReceiver* receiver);

  [[nodiscard]] int fd() const noexcept override { return fd_.get(); }
  [[nodiscard]] const SocketAddress& sockname() const override;
  [[nodiscard]] const SocketAddress& peername() const override;
  [[nodiscard]] std::string describe() const override;

 private:
  friend class TransportGroup;
  struct Names {
    SocketAddress local;
    SocketAddress peer;
  };
  // What few connections have.
  struct Extras {
    std::optional<Names> names;
    DirectReceiver* receiver = nullptr;
    DirectSender* sender = nullptr;
  };

  SocketTransport(EventLoop& loop, UniqueFd fd, Ref<BaseProtocol> protocol, Ref<TransportGroup> group);

  // FdOwner
  [[nodiscard]] std::string description() const override { return describe(); }
  [[nodiscard]] bool holds_fd() const noexcept override { return !closing_; }
  void loop_closed() noexcept override;

  // ScheduledCall: as long as that is in use, it holds a reference.
  void run() override;
  void drop() noexcept override { ScheduledCall::release(); }
  void dispose() noexcept override { release(); }

  void begin(const Future<void>& waiter);
  void start_reading();
  void watch_readable();
  void unwatch_readable() noexcept;
  void read_ready();
  void receive_directly(DirectReceiver& receiver);
  void receive_plain(Protocol& protocol);
  [[gnu::always_inline]] void receive_buffered(BufferedProtocol& protocol);
  void end_of_data();
  // Of the protocol, by the exception that is being handled. Throws a Fatal again.
  [[gnu::noinline]] void call_failed(const char* message);

  // True if a write is to be dropped, as the connection is gone (TRANS-18).
  bool drop_write();
  [[gnu::noinline]] bool drop_write_after_end();
  // The system took `sent` bytes, or refused all of it (-1 and errno).
  [[gnu::noinline]] void sent_less(std::ptrdiff_t sent, std::span<const std::byte> of);
  [[gnu::noinline]] void keep(std::span<const std::byte> rest);
  [[noreturn]] void refuse(const char* method) const;
  void watch_writable();
  void unwatch_writable() noexcept;
  void write_ready();
  // False if it failed.
  bool flush();
  void shut_down_writing() noexcept;

  void receive_failed();
  void send_failed();
  void fatal_error(std::exception_ptr error, const char* message);
  void queue_connection_lost(std::exception_ptr error);
  void call_connection_lost(std::exception_ptr error);
  void let_go() noexcept;
  [[nodiscard]] Extras& extras() const;
  [[nodiscard]] DirectReceiver* direct_receiver() const noexcept { return extras_ ? extras_->receiver : nullptr; }
  [[nodiscard]] DirectSender* direct_sender() const noexcept { return extras_ ? extras_->sender : nullptr; }
  [[nodiscard]] const Names& names() const;

  UniqueFd fd_;
  std::uint8_t conn_lost_ = 0;      // not 0 once connection_lost is queued; then it counts writes
  bool started_ : 1 = false;        // connection_made has been called
  bool paused_ : 1 = false;         // by pause_reading()
  bool eof_ : 1 = false;            // write_eof() was called
  bool read_eof_ : 1 = false;       // the peer ended
  bool receives_much_ : 1 = false;  // a receive filled its buffer, and since then no send was taken in part only
  bool watches_readable_ : 1 = false;
  bool watches_writable_ : 1 = false;
  Bytes buffer_;  // what waits to be sent
  mutable std::unique_ptr<Extras> extras_;
  Ref<TransportGroup> group_;
  SocketTransport* next_in_group_ = nullptr;
  SocketTransport* previous_in_group_ = nullptr;
};

}  // namespace evloop
