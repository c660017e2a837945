#include "net/tls/tls_transport.h"

#include <array>
#include <cerrno>
#include <utility>

#include "base/log.h"
#include "net/os_error.h"
#include "net/tls/tls_error.h"
#include "net/tls/tls_protocol.h"

namespace evloop {
namespace {

// Writes after close that are dropped without a word.
constexpr std::uint32_t silent_writes = 4;
constexpr std::size_t high_water_for_reading = 256 * 1024;
constexpr std::size_t low_water_for_reading = high_water_for_reading / 4;
// As much as one TLS record carries.
constexpr std::size_t record_size = 16 * 1024;

constexpr auto protocol_error = "Fatal error on SSL protocol";

}  // namespace

// Calls connection_lost in a turn of its own; the transport is given up then, also if the loop is closed before.
class TlsTransport::Farewell {
 public:
  Farewell(Ref<TlsTransport> transport, std::exception_ptr error) noexcept
      : transport_(std::move(transport)), error_(std::move(error)) {}
  Farewell(Farewell&&) noexcept = default;
  Farewell& operator=(Farewell&&) = delete;
  ~Farewell() {
    if (transport_) transport_->let_go();
  }
  void operator()() {
    const auto protocol = transport_->protocol_;
    protocol->connection_lost(std::move(error_));
  }

 private:
  Ref<TlsTransport> transport_;
  std::exception_ptr error_;
};

TlsLayer::Wrapped TlsTransport::create(EventLoop& loop, Ref<BaseProtocol> protocol, TlsContext context,
                                       std::string server_name, const TlsTimeouts& timeouts, Future<void> waiter,
                                       TlsLayer::Begin begin) {
  Ref<TlsTransport> transport(new TlsTransport(loop, std::move(protocol), std::move(context), std::move(server_name),
                                               timeouts, std::move(waiter), begin));
  return {Ref<Protocol>(new TlsProtocol(transport)), transport};
}

TlsTransport::TlsTransport(EventLoop& loop, Ref<BaseProtocol> protocol, TlsContext context, std::string server_name,
                           const TlsTimeouts& timeouts, Future<void> waiter, TlsLayer::Begin begin)
    : FlowControlledTransport(loop, std::move(protocol)),
      session_(std::move(context), std::move(server_name)),
      timeouts_(timeouts),
      waiter_(std::move(waiter)),
      made_(begin == TlsLayer::Begin::silently) {}

// --- the transport below ---

void TlsTransport::lower_made(Transport& lower) {
  lower_ = Ref(&lower);
  if (state_ == State::closed) return lower.abort();
  state_ = State::handshaking;
  timer_ = loop_->call_later(timeouts_.handshake, in_context(own_context(), [this] { handshake_timed_out(); }));
  handshake();
}

void TlsTransport::lower_lost(std::exception_ptr error) {
  lost_ = closing_ = true;
  state_ = State::closed;
  timer_.cancel();
  backlog_.clear();
  session_.records().drop_input();
  static_cast<void>(session_.records().take_output());
  if (made_) loop_->call_soon(in_context(own_context(), Farewell(Ref(this), error)));
  wake_waiter(error ? error : make_os_error("SSL handshake", ECONNABORTED));
}

void TlsTransport::lower_received(std::span<const std::byte> data) {
  {
    // Also if something Fatal passes by: `data` is gone when this returns.
    struct AtExit {
      RecordBio& records;
      ~AtExit() { records.keep_input(); }
    } const at_exit{session_.records()};
    session_.records().feed(data);
    advance();
  }
  control_reading();
}

bool TlsTransport::lower_ended() {
  lower_eof_ = true;
  if (state_ == State::handshaking) {
    handshake_failed(make_os_error("SSL handshake", ECONNRESET));
  } else if (state_ == State::open) {
    state_ = State::ending;
    timer_ = loop_->call_later(timeouts_.shutdown, in_context(own_context(), [this] { shutdown_timed_out(); }));
    if (reading_paused_) return true;
    advance();
  } else {
    advance();
  }
  return false;
}

void TlsTransport::lower_resumed() {
  // A pause that this was not told of came before start_tls(), and was the protocol's.
  if (!std::exchange(lower_paused_, false)) return resume_protocol();
  flush();
  if (shutdown_done_) close_lower();
}

void TlsTransport::lower_dropped() noexcept {
  if (!lost_ || !made_) let_go();  // else connection_lost is to come first
}

void TlsTransport::let_go() noexcept {
  timer_.cancel();
  loop_ = nullptr;
  lost_ = closing_ = true;
  state_ = State::closed;
  protocol_ = nullptr;
  waiter_ = {};
}

void TlsTransport::advance() {
  switch (state_) {
    case State::waiting: break;
    case State::handshaking: handshake(); break;
    case State::open: read(); break;
    case State::ending:
      read();
      if (state_ == State::ending && !reading_paused_) {
        state_ = State::closing;
        shut_down();
      }
      break;
    case State::closing: shut_down(); break;
    case State::closed: session_.records().drop_input(); break;
  }
}

// --- the handshake ---

void TlsTransport::handshake() {
  bool complete = false;
  try {
    complete = session_.handshake();
  } catch (const std::exception&) {
    // Unlike asyncio, the peer is told: an alert says why.
    flush();
    return handshake_failed(std::current_exception());
  }
  if (complete) {
    handshake_done();
  } else {
    flush();
  }
}

void TlsTransport::handshake_done() {
  timer_.cancel();
  state_ = State::open;
  if (!std::exchange(made_, true)) {
    const auto protocol = protocol_;
    try {
      protocol->connection_made(*this);
    } catch (const Fatal&) {
      throw;
    } catch (...) {
      return fatal_error(std::current_exception(), protocol_error);
    }
  }
  wake_waiter(nullptr);
  write_backlog();
  if (state_ == State::open) read();
}

void TlsTransport::handshake_failed(std::exception_ptr error) {
  timer_.cancel();
  fatal_error(error, holds<CertificateError>(error) ? "SSL handshake failed on verifying the certificate"
                                                    : "SSL handshake failed");
  wake_waiter(error);
}

void TlsTransport::handshake_timed_out() {
  fatal_error(std::make_exception_ptr(OsError(ECONNABORTED, "SSL handshake is taking longer than " +
                                                                seconds_text(timeouts_.handshake) +
                                                                " seconds: aborting the connection")),
              "Fatal error on transport");
}

void TlsTransport::wake_waiter(const std::exception_ptr& error) {
  const auto waiter = std::exchange(waiter_, {});
  if (!waiter || waiter.done()) return;
  if (error) {
    waiter.set_exception(error);
  } else {
    waiter.set_result();
  }
}

// --- reading ---

void TlsTransport::read() {
  try {
    for (bool more = true; more && may_deliver() && session_.has_input();) {
      const auto protocol = protocol_;  // it may be replaced by what it is called for
      more = protocol->is_buffered() ? read_buffered(static_cast<BufferedProtocol&>(*protocol))
                                     : read_plain(static_cast<Protocol&>(*protocol));
    }
  } catch (const Fatal&) {
    throw;
  } catch (...) {
    return fatal_error(std::current_exception(), protocol_error);
  }
  // TLS itself may have had to answer.
  if (state_ == State::open || state_ == State::ending) write_backlog();
}

bool TlsTransport::read_plain(Protocol& protocol) {
  alignas(copy_alignment) std::array<std::byte, record_size> buffer;
  std::size_t count = 0;
  switch (session_.read(buffer, count)) {
    case TlsSession::Read::wait: return false;
    case TlsSession::Read::closed: peer_closed(); return false;
    case TlsSession::Read::data: break;
  }
  protocol.data_received(std::span(buffer).first(count));
  return true;
}

bool TlsTransport::read_buffered(BufferedProtocol& protocol) {
  const auto buffer = protocol.get_buffer(static_cast<std::ptrdiff_t>(session_.records().input_size()));
  if (buffer.empty()) throw LoopError("get_buffer() returned an empty buffer");
  auto result = TlsSession::Read::data;
  std::size_t total = 0;
  while (total < buffer.size() && session_.has_input()) {
    std::size_t count = 0;
    result = session_.read(buffer.subspan(total), count);
    if (result != TlsSession::Read::data) break;
    total += count;
  }
  if (total > 0) protocol.buffer_updated(total);
  if (result == TlsSession::Read::closed) peer_closed();
  return result == TlsSession::Read::data;
}

void TlsTransport::peer_closed() {
  call_eof_received();
  if (state_ != State::open && state_ != State::ending) return;
  begin_shutdown();
  shut_down();
}

void TlsTransport::call_eof_received() {
  if (!made_ || std::exchange(eof_called_, true)) return;
  const auto protocol = protocol_;
  try {
    const bool keep_open = protocol->is_buffered() ? static_cast<BufferedProtocol&>(*protocol).eof_received()
                                                   : static_cast<Protocol&>(*protocol).eof_received();
    if (keep_open) log(LogLevel::warning, "returning true from eof_received() has no effect when using ssl");
  } catch (const Fatal&) {
    throw;
  } catch (...) {
    fatal_error(std::current_exception(), "Error calling eof_received()");
  }
}

void TlsTransport::pause_reading() {
  if (is_reading() && loop_) reading_paused_ = true;
}

void TlsTransport::resume_reading() {
  if (closing_ || !reading_paused_ || !loop_) return;
  reading_paused_ = false;
  loop_->call_soon(in_context(own_context(), [self = Ref(this)] { self->go_on(); }));
}

void TlsTransport::go_on() {
  if (lost_) return;
  advance();
  control_reading();
}

void TlsTransport::control_reading() {
  if (lost_) return;
  const auto size = session_.records().input_size();
  if (size >= high_water_for_reading && !lower_reading_paused_) {
    lower_reading_paused_ = true;
    lower_->pause_reading();
  } else if (size <= low_water_for_reading && lower_reading_paused_) {
    lower_reading_paused_ = false;
    lower_->resume_reading();
  }
}

// --- writing ---

void TlsTransport::write(std::span<const std::byte> data) {
  if (data.empty() || drop_write()) return;
  if (encrypt(data)) flush();
}

void TlsTransport::writelines(std::span<const std::span<const std::byte>> chunks) {
  std::size_t size = 0;
  for (const auto chunk : chunks) size += chunk.size();
  if (size == 0 || drop_write()) return;
  for (const auto chunk : chunks)
    if (!chunk.empty() && !encrypt(chunk)) return;
  flush();
}

bool TlsTransport::drop_write() {
  if (state_ == State::waiting || state_ == State::handshaking || state_ == State::open) [[likely]]
    return false;
  if (dropped_writes_++ >= silent_writes) log(LogLevel::warning, "SSL connection is closed");
  return true;
}

bool TlsTransport::encrypt(std::span<const std::byte> data) {
  try {
    const bool now = state_ == State::open && backlog_.empty();
    const auto taken = now ? session_.write(data) : 0;
    backlog_.append(data.subspan(taken));
    return true;
  } catch (const std::exception&) {
    fatal_error(std::current_exception(), protocol_error);
    return false;
  }
}

void TlsTransport::write_backlog() {
  if (!backlog_.empty()) {
    const auto data = std::exchange(backlog_, {});
    if (!encrypt(data)) return;
  }
  flush();
}

void TlsTransport::flush() {
  if (lower_ && !lower_paused_) {
    if (const auto output = session_.records().take_output(); !output.empty()) lower_->write(output);
  }
  if (!made_ || state_ == State::handshaking) return;
  maybe_pause_protocol();
  maybe_resume_protocol();
}

void TlsTransport::write_eof() { throw LoopError("Cannot call write_eof() when using ssl"); }

// --- the end ---

void TlsTransport::close() {
  switch (state_) {
    case State::waiting:
    case State::handshaking: return force_close(nullptr);
    case State::open:
    case State::ending:
      begin_shutdown();
      // Data and eof_received come from the loop only.
      if (lower_eof_ || session_.has_input())
        loop_->call_soon(in_context(own_context(), [self = Ref(this)] { self->go_on(); }));
      return;
    case State::closing:
    case State::closed: closing_ = true; return;
  }
}

void TlsTransport::begin_shutdown() {
  write_backlog();
  if (state_ == State::closed) return;
  closing_ = true;
  // Since the end of the peer's bytes it runs already.
  if (state_ == State::open)
    timer_ = loop_->call_later(timeouts_.shutdown, in_context(own_context(), [this] { shutdown_timed_out(); }));
  state_ = State::closing;
  if (lower_eof_) return;
  try {
    session_.send_close_notify();
  } catch (const std::exception&) {
    return fatal_error(std::current_exception(), protocol_error);
  }
  flush();
}

// Waits for the peer to close as well. What it had sent before it knew is dropped, where asyncio takes it for an error.
void TlsTransport::shut_down() {
  if (state_ != State::closing) return;
  bool done = lower_eof_;
  try {
    done = done || session_.drain();
  } catch (const std::exception&) {
    return fatal_error(std::current_exception(), protocol_error);
  }
  flush();
  if (done) shutdown_done();
}

void TlsTransport::shutdown_done() {
  if (std::exchange(shutdown_done_, true)) return;
  call_eof_received();
  if (state_ == State::closing)
    loop_->call_soon(in_context(own_context(), [self = Ref(this)] { self->close_lower(); }));
}

// Once it has taken all: another TLS below takes no more when it closes.
void TlsTransport::close_lower() {
  if (!lost_ && session_.records().output_size() == 0) lower_->close();
}

void TlsTransport::shutdown_timed_out() {
  force_close(std::make_exception_ptr(TimeoutError("SSL shutdown timed out")));
}

void TlsTransport::force_close(std::exception_ptr error) {
  if (state_ == State::closed || !loop_) return;
  state_ = State::closed;
  closing_ = true;
  if (lower_) lower_->force_close(std::move(error));
}

// System errors, and TLS's are such, are the network's daily life: connection_lost tells.
void TlsTransport::fatal_error(std::exception_ptr error, const char* message) {
  if (!loop_) return;
  force_close(error);
  if (!holds<std::system_error>(error)) {
    report(message, error);
  } else if (loop_->debug()) {
    log(LogLevel::debug, describe() + ": " + message + ": " + evloop::describe(error));
  }
}

// --- information ---

const SocketAddress& TlsTransport::sockname() const {
  static const SocketAddress none;
  return lower_ ? lower_->sockname() : none;
}

const SocketAddress& TlsTransport::peername() const {
  static const SocketAddress none;
  return lower_ ? lower_->peername() : none;
}

std::string TlsTransport::describe() const {
  std::string text = "<TlsTransport";
  if (closing_) text += " closing";
  return text + " over " + (lower_ ? lower_->describe() : "nothing yet") + ">";
}

}  // namespace evloop
