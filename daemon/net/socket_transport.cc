#include "net/socket_transport.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/log.h"
#include "net/os_error.h"
#include "net/socket.h"

namespace evloop {
namespace {

// Writes after the connection is lost that are dropped without a word.
constexpr std::uint8_t silent_writes = 5;
// Received at once (TRANS-05 allows 256 KiB). More of what is sent on would have to be copied where the system does not
// take it, which once took 1.6 times the time. Where it does take it, twice as much has taken 0.6 times: the kernel
// opens its windows to who takes much.
constexpr std::size_t received_usually = 64 * 1024;
constexpr std::size_t most_received = 128 * 1024;
// Chunks given to one system call by writelines().
constexpr std::size_t gathered_chunks = 64;

bool would_block(int error) noexcept { return error == EAGAIN || error == EINTR; }

[[noreturn]] void throw_empty_buffer() { throw LoopError("get_buffer() returned an empty buffer"); }

}  // namespace

Ref<SocketTransport> SocketTransport::create(EventLoop& loop, UniqueFd fd, Ref<BaseProtocol> protocol,
                                             Ref<TransportGroup> group, Future<void> waiter) {
  Ref<SocketTransport> transport(new SocketTransport(loop, std::move(fd), std::move(protocol), std::move(group)));
  transport->begin(waiter);
  return transport;
}

SocketTransport::SocketTransport(EventLoop& loop, UniqueFd fd, Ref<BaseProtocol> protocol, Ref<TransportGroup> group)
    : FlowControlledTransport(loop, std::move(protocol)),
      ScheduledCall(WorkKind::reader, std::source_location::current()),
      fd_(std::move(fd)) {
  loop.claim(fd_.get(), *this);
  set_no_delay(fd_.get());
  group_ = std::move(group);
  if (group_) group_->attach(*this);
}

SocketTransport::~SocketTransport() {
  // Only if begin() failed: the loop's reference is given up by let_go().
  if (fd_) loop_->unclaim(fd_.get(), *this);
  if (group_) group_->detach(*this);
}

void SocketTransport::begin(const Future<void>& waiter) {
  // One callback for what asyncio queues as three: nothing can come between them (TRANS-01).
  loop_->call_soon(in_context(own_context(), [self = Ref(this), waiter] {
    std::exception_ptr failure;
    const auto protocol = self->protocol_;
    self->started_ = true;
    try {
      protocol->connection_made(*self);
    } catch (...) {
      failure = std::current_exception();
    }
    self->start_reading();
    if (waiter && !waiter.done()) waiter.set_result();
    if (failure) std::rethrow_exception(failure);  // reported, and the connection lives on (TRANS-07)
  }));
  add_ref();  // the loop's reference
}

// --- reading ---

void SocketTransport::start_reading() {
  if (!is_reading() || read_eof_ || watches_readable_) return;
  try {
    watch_readable();
  } catch (const std::system_error&) {
    fatal_error(std::current_exception(), "Fatal read error on socket transport");
  }
}

void SocketTransport::watch_readable() {
  // One that still waits for its turn was cancelled, and stays so.
  if (auto context = own_context(); context || in_use()) [[unlikely]] {
    loop_->watch(fd_.get(), Interest::read, in_context(std::move(context), [this] { read_ready(); }));
  } else {
    renew();
    add_ref();
    const Ref<ScheduledCall> call(this);  // gives that back if the loop refuses it
    loop_->watch(fd_.get(), Interest::read, *call);
  }
  watches_readable_ = true;
}

void SocketTransport::unwatch_readable() noexcept {
  if (!watches_readable_) return;
  watches_readable_ = false;
  loop_->unwatch(fd_.get(), Interest::read);
}

void SocketTransport::pause_reading() {
  if (!is_reading() || !loop_) return;
  paused_ = true;
  unwatch_readable();
}

void SocketTransport::resume_reading() {
  if (closing_ || !paused_ || !loop_) return;
  paused_ = false;
  if (started_) start_reading();
}

void SocketTransport::set_direct_receiver(DirectReceiver* receiver) {
  if (receiver || extras_) extras().receiver = receiver;
}

void SocketTransport::receive_directly(DirectReceiver& receiver) {
  const auto received = receiver.receive(fd_.get());
  if (received < 0) return receive_failed();
  if (received == 0) end_of_data();
}

[[gnu::always_inline]] inline void SocketTransport::receive_plain(Protocol& protocol) {
  const auto buffer = loop_->receive_buffer().first(receives_much_ ? most_received : received_usually);
  const auto received = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (received < 0) return receive_failed();
  if (received == 0) return end_of_data();
  if (received == std::ssize(buffer)) [[unlikely]]
    receives_much_ = true;
  try {
    protocol.data_received(buffer.first(static_cast<std::size_t>(received)));
  } catch (...) {
    call_failed("Fatal error: protocol.data_received() call failed.");
  }
}

inline void SocketTransport::receive_buffered(BufferedProtocol& protocol) {
  std::span<std::byte> buffer;
  try {
    buffer = protocol.get_buffer(-1);
    if (buffer.empty()) [[unlikely]]
      throw_empty_buffer();
  } catch (...) {
    return call_failed("Fatal error: protocol.get_buffer() call failed.");
  }
  const auto received = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (received < 0) return receive_failed();
  if (received == 0) return end_of_data();
  try {
    protocol.buffer_updated(static_cast<std::size_t>(received));
  } catch (...) {
    call_failed("Fatal error: protocol.buffer_updated() call failed.");
  }
}

[[gnu::always_inline]] inline void SocketTransport::read_ready() {
  if (conn_lost_ != 0) return;
  if (auto* const receiver = direct_receiver()) [[unlikely]]
    return receive_directly(*receiver);
  const auto protocol = protocol_;  // it may be replaced by what it is called for
  if (protocol->is_buffered()) {
    receive_buffered(static_cast<BufferedProtocol&>(*protocol));
  } else {
    receive_plain(static_cast<Protocol&>(*protocol));
  }
}

void SocketTransport::run() {
  const auto in_use = Ref<ScheduledCall>::adopt(this);
  if (cancelled()) return;
  try {
    read_ready();
  } catch (...) {
    failed();
  }
}

void SocketTransport::call_failed(const char* message) {
  try {
    throw;
  } catch (const Fatal&) {
    throw;
  } catch (...) {
    fatal_error(std::current_exception(), message);
  }
}

void SocketTransport::receive_failed() {
  const int error = errno;
  if (would_block(error)) return;
  fatal_error(make_os_error("recv", error), "Fatal read error on socket transport");
}

void SocketTransport::end_of_data() {
  const auto protocol = protocol_;
  read_eof_ = true;
  bool keep_open = false;
  try {
    keep_open = protocol->is_buffered() ? static_cast<BufferedProtocol&>(*protocol).eof_received()
                                        : static_cast<Protocol&>(*protocol).eof_received();
  } catch (...) {
    return call_failed("Fatal error: protocol.eof_received() call failed.");
  }
  if (keep_open) {
    unwatch_readable();
  } else {
    close();
  }
}

// --- writing ---

void SocketTransport::write(std::span<const std::byte> data) {
  if (eof_ || direct_sender()) [[unlikely]]
    refuse("write");
  if (data.empty() || drop_write()) return;
  if (!buffer_.empty()) [[unlikely]]
    return keep(data);
  if (const auto sent = ::send(fd_.get(), data.data(), data.size(), MSG_NOSIGNAL); sent != std::ssize(data))
      [[unlikely]]
    sent_less(sent, data);
}

void SocketTransport::sent_less(std::ptrdiff_t sent, std::span<const std::byte> of) {
  if (sent < 0 && !would_block(errno)) return send_failed();
  receives_much_ = false;
  watch_writable();
  keep(of.subspan(sent < 0 ? 0 : static_cast<std::size_t>(sent)));
}

void SocketTransport::writelines(std::span<const std::span<const std::byte>> chunks) {
  if (eof_ || direct_sender()) refuse("writelines");
  std::size_t skip = 0;  // of the first chunk left
  while (!chunks.empty() && conn_lost_ == 0 && buffer_.empty()) {
    std::array<iovec, gathered_chunks> parts;
    std::size_t count = 0;
    std::size_t total = 0;
    for (const auto chunk : chunks.first(std::min(chunks.size(), parts.size()))) {
      parts[count++] = {const_cast<std::byte*>(chunk.data()), chunk.size()};
      total += chunk.size();
    }
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = count;
    const auto sent = total == 0 ? 0 : ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
    if (sent < 0 && !would_block(errno)) return send_failed();
    if (static_cast<std::size_t>(sent) == total) {
      chunks = chunks.subspan(count);
      continue;
    }
    skip = sent < 0 ? 0 : static_cast<std::size_t>(sent);
    watch_writable();
    break;
  }
  std::size_t left = 0;
  for (const auto chunk : chunks) left += chunk.size();
  if (left == 0 || drop_write()) return;
  for (auto chunk : chunks) {
    const auto gone = std::min(skip, chunk.size());
    skip -= gone;
    buffer_.append(chunk.subspan(gone));
  }
  maybe_pause_protocol();
}

void SocketTransport::refuse(const char* method) const {
  if (eof_) throw LoopError(std::string("Cannot call ") + method + "() after write_eof()");
  throw LoopError(std::string("unable to ") + method + "; sendfile is in progress");
}

bool SocketTransport::drop_write() {
  if (conn_lost_ == 0) [[likely]]
    return false;
  return drop_write_after_end();
}

bool SocketTransport::drop_write_after_end() {
  if (conn_lost_ < silent_writes) {
    ++conn_lost_;
  } else {
    log(LogLevel::warning, "socket.send() raised exception.");
  }
  return true;
}

void SocketTransport::keep(std::span<const std::byte> rest) {
  buffer_.append(rest);
  maybe_pause_protocol();
}

void SocketTransport::watch_writable() {
  if (watches_writable_) return;
  loop_->watch(fd_.get(), Interest::write, in_context(own_context(), [this] { write_ready(); }));
  watches_writable_ = true;
}

void SocketTransport::unwatch_writable() noexcept {
  if (!watches_writable_) return;
  watches_writable_ = false;
  loop_->unwatch(fd_.get(), Interest::write);
}

void SocketTransport::write_ready() {
  if (conn_lost_ != 0) return;
  const Ref<SocketTransport> self(this);  // connection_lost may be called from here
  if (!buffer_.empty() && !flush()) return;
  if (!buffer_.empty() || conn_lost_ != 0) return;
  if (auto* const sender = direct_sender(); sender && !closing_ && !sender->send(fd_.get())) return;
  unwatch_writable();
  if (closing_) {
    ++conn_lost_;
    call_connection_lost(nullptr);
  } else if (eof_) {
    shut_down_writing();
  }
}

bool SocketTransport::flush() {
  const auto sent = ::send(fd_.get(), buffer_.data(), buffer_.size(), MSG_NOSIGNAL);
  if (sent < 0) {
    if (!would_block(errno)) send_failed();
    return false;
  }
  buffer_.consume(static_cast<std::size_t>(sent));
  maybe_resume_protocol();  // may write, close or abort (TRANS-23)
  return true;
}

void SocketTransport::begin_direct_send(DirectSender& sender) {
  if (direct_sender()) refuse("send");
  extras().sender = &sender;
  if (buffer_.empty() && !sender.send(fd_.get())) watch_writable();
}

void SocketTransport::end_direct_send(const DirectSender& sender) noexcept {
  if (direct_sender() != &sender) return;
  extras_->sender = nullptr;
  if (buffer_.empty()) unwatch_writable();
}

void SocketTransport::write_eof() {
  if (closing_ || eof_ || !loop_) return;
  eof_ = true;
  if (buffer_.empty()) shut_down_writing();
}

// Fails only if the connection is gone, which reading will tell.
void SocketTransport::shut_down_writing() noexcept { ::shutdown(fd_.get(), SHUT_WR); }

void SocketTransport::send_failed() { fatal_error(make_os_error("send"), "Fatal write error on socket transport"); }

// --- the end ---

void SocketTransport::close() {
  if (closing_ || !loop_) return;
  closing_ = true;
  unwatch_readable();
  if (!buffer_.empty()) return;
  unwatch_writable();
  queue_connection_lost(nullptr);
}

// System errors are the network's daily life: connection_lost tells (TRANS-09).
void SocketTransport::fatal_error(std::exception_ptr error, const char* message) {
  if (!holds<std::system_error>(error)) {
    report(message, error);
  } else if (loop_->debug()) {
    log(LogLevel::debug, describe() + ": " + message + ": " + evloop::describe(error));
  }
  force_close(std::move(error));
}

void SocketTransport::force_close(std::exception_ptr error) {
  if (conn_lost_ != 0 || !loop_) return;
  buffer_.clear();
  unwatch_writable();
  closing_ = true;
  unwatch_readable();
  queue_connection_lost(std::move(error));
}

void SocketTransport::queue_connection_lost(std::exception_ptr error) {
  ++conn_lost_;
  loop_->call_soon(in_context(own_context(), [self = Ref(this), error = std::move(error)]() mutable {
    self->call_connection_lost(std::move(error));
  }));
}

void SocketTransport::call_connection_lost(std::exception_ptr error) {
  struct AtExit {
    SocketTransport& transport;
    ~AtExit() { transport.let_go(); }
  } const at_exit{*this};
  if (direct_sender()) std::exchange(extras_->sender, nullptr)->connection_lost(error);
  const auto protocol = protocol_;
  protocol->connection_lost(std::move(error));
}

void SocketTransport::loop_closed() noexcept {
  const Ref<SocketTransport> self(this);
  log(LogLevel::warning, "unclosed transport " + describe());
  watches_readable_ = watches_writable_ = false;
  ++conn_lost_;
  buffer_.clear();
  let_go();
}

// The last thing that happens to a connection (TRANS-29). The caller holds a reference.
void SocketTransport::let_go() noexcept {
  std::exchange(loop_, nullptr)->unclaim(fd_.get(), *this);
  fd_.reset();
  if (extras_) {
    extras_->receiver = nullptr;
    extras_->sender = nullptr;
  }
  protocol_ = nullptr;
  if (const auto group = std::exchange(group_, nullptr)) {
    try {
      group->detach(*this);
    } catch (const LoopError&) {
      // Somebody waited for the group, and the loop is closed: nobody will ever run again.
    }
  }
  release();
}

// --- information ---

SocketTransport::Extras& SocketTransport::extras() const {
  if (!extras_) extras_ = std::make_unique<Extras>();
  return *extras_;
}

const SocketTransport::Names& SocketTransport::names() const {
  auto& names = extras().names;
  if (!names) names.emplace(SocketAddress::local(fd_.get()), SocketAddress::peer(fd_.get()));
  return *names;
}

const SocketAddress& SocketTransport::sockname() const { return names().local; }
const SocketAddress& SocketTransport::peername() const { return names().peer; }

std::string SocketTransport::describe() const {
  std::string text = "<SocketTransport";
  if (!fd_) return text + " closed>";
  if (closing_) text += " closing";
  text += " fd=" + std::to_string(fd_.get());
  text += watches_readable_ ? " read=polling" : " read=idle";
  text += watches_writable_ ? " write=<polling" : " write=<idle";
  return text + ", bufsize=" + std::to_string(buffer_.size()) + ">>";
}

}  // namespace evloop
