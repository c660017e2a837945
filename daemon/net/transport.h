#pragma once

#include <exception>
#include <span>
#include <string_view>

#include "base/ref.h"
#include "net/base_transport.h"
#include "net/protocol.h"

namespace evloop {

class TlsSession;

// asyncio's Transport: one side of a connection, with a write buffer. See BaseTransport for who owns it. Loop thread
// only.
class Transport : public BaseTransport {
 public:
  // How sendfile() may send on it: with the system call (it is a SocketTransport), only by write(), or not at all.
  enum class SendfileMode : std::uint8_t { unsupported, try_native, fallback };

  // Sends at once what the system takes, and copies the rest, to be sent when it takes more (TRANS-14). Never blocks;
  // a failure ends in connection_lost (TRANS-17). Throws LoopError after write_eof() (TRANS-20), and while sendfile()
  // sends (SENDF-03).
  virtual void write(std::span<const std::byte> data) = 0;
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  // One write of all (TRANS-16).
  virtual void writelines(std::span<const std::span<const std::byte>> chunks) = 0;
  // Ends the sending side once the buffer is flushed (TRANS-20).
  virtual void write_eof() = 0;
  [[nodiscard]] virtual bool can_write_eof() const noexcept = 0;
  [[nodiscard]] virtual SendfileMode sendfile_mode() const noexcept { return SendfileMode::unsupported; }
  // For a layer between this and the program's protocol, such as TLS: whether this can carry one ...
  [[nodiscard]] virtual bool carries_layers() const noexcept { return false; }
  // ... and abort() with an error for connection_lost.
  virtual void force_close(std::exception_ptr /*error*/) { abort(); }

  // Idempotent, and without effect once it is closing (TRANS-25).
  virtual void pause_reading() = 0;
  virtual void resume_reading() = 0;
  [[nodiscard]] virtual bool is_reading() const noexcept = 0;

  // From the next event on (TRANS-11).
  virtual void set_protocol(Ref<BaseProtocol> protocol) = 0;
  // None once the connection is lost.
  [[nodiscard]] virtual Ref<BaseProtocol> get_protocol() const = 0;

  // asyncio's get_extra_info(): "ssl_object", and what it knows: null without TLS (net/tls/tls_session.h). Lives as
  // long as the transport.
  [[nodiscard]] virtual const TlsSession* tls() const noexcept { return nullptr; }
};

}  // namespace evloop
