#include "net/socket_datagram_transport.h"

#include <sys/socket.h>

#include <cerrno>

#include "base/log.h"
#include "net/os_error.h"

namespace evloop {
namespace {

// Sends after the end that are dropped without a word.
constexpr std::uint32_t silent_sends = 5;

bool would_block(int error) noexcept { return error == EAGAIN || error == EINTR; }

}  // namespace

Ref<SocketDatagramTransport> SocketDatagramTransport::create(EventLoop& loop, UniqueFd fd,
                                                             Ref<DatagramProtocol> protocol,
                                                             const SocketAddress& remote, Future<void> waiter) {
  Ref<SocketDatagramTransport> transport(new SocketDatagramTransport(loop, std::move(fd), std::move(protocol), remote));
  transport->begin(waiter);
  return transport;
}

SocketDatagramTransport::SocketDatagramTransport(EventLoop& loop, UniqueFd fd, Ref<DatagramProtocol> protocol,
                                                 const SocketAddress& remote)
    : FlowControlled(loop, std::move(protocol)),
      fd_(std::move(fd)),
      sockname_(SocketAddress::local(fd_.get())),
      peername_(SocketAddress::peer(fd_.get())),
      remote_(peername_.empty() ? remote : peername_) {
  loop.claim(fd_.get(), *this);
}

SocketDatagramTransport::~SocketDatagramTransport() {
  // Only if begin() failed: the loop's reference is given up by let_go().
  if (fd_) loop_->unclaim(fd_.get(), *this);
}

void SocketDatagramTransport::begin(const Future<void>& waiter) {
  // One callback for what asyncio queues as three, as in SocketTransport.
  loop_->call_soon([self = Ref(this), waiter] {
    std::exception_ptr failure;
    const auto protocol = self->protocol_;
    try {
      protocol->connection_made(*self);
    } catch (...) {
      failure = std::current_exception();
    }
    if (!self->closing_) {
      self->loop_->watch(self->fd_.get(), Interest::read,
                         in_context(self->own_context(), [transport = self.get()] { transport->read_ready(); }));
      self->watches_readable_ = true;
    }
    if (waiter && !waiter.done()) waiter.set_result();
    if (failure) std::rethrow_exception(failure);  // reported, and the endpoint lives on
  });
  add_ref();  // the loop's reference
}

void SocketDatagramTransport::read_ready() {
  if (conn_lost_ != 0) return;
  const auto protocol = protocol_;  // it may be replaced by what it is called for
  const auto buffer = loop_->receive_buffer();
  sockaddr_storage from;
  socklen_t length = sizeof from;
  auto* const name = reinterpret_cast<sockaddr*>(&from);
  const auto size = ::recvfrom(fd_.get(), buffer.data(), buffer.size(), MSG_TRUNC, name, &length);
  if (size < 0) {
    if (!would_block(errno)) tell_error("recvfrom", errno);
  } else if (const auto count = static_cast<std::size_t>(size); count > buffer.size()) {
    tell_error("recvfrom", EMSGSIZE);
  } else {
    protocol->datagram_received(buffer.first(count), SocketAddress(name, length));
  }
}

void SocketDatagramTransport::sendto(std::span<const std::byte> data, const SocketAddress& to) {
  if (!remote_.empty() && !to.empty() && to != remote_)
    throw ValueError("Invalid address: must be None or " + remote_.to_string());
  if (conn_lost_ != 0) {
    if (conn_lost_++ >= silent_sends) log(LogLevel::warning, "socket.send() raised exception.");
    return;
  }
  const auto& destination = to.empty() ? remote_ : to;
  if (queue_.empty()) {
    if (send_now(data, destination)) [[likely]]
      return;
    if (!would_block(errno)) return tell_error("sendto", errno);
    if (!std::exchange(watches_writable_, true))
      loop_->watch(fd_.get(), Interest::write, in_context(own_context(), [this] { write_ready(); }));
  }
  queue_.push(data, destination);
  maybe_pause_protocol();
}

bool SocketDatagramTransport::send_now(std::span<const std::byte> data, const SocketAddress& to) noexcept {
  // A connected socket takes no address.
  const bool connected = !peername_.empty() || to.empty();
  return ::sendto(fd_.get(), data.data(), data.size(), MSG_NOSIGNAL, connected ? nullptr : to.data(),
                  connected ? 0 : to.length()) >= 0;
}

void SocketDatagramTransport::write_ready() {
  if (conn_lost_ != 0) return;
  const Ref<SocketDatagramTransport> self(this);  // connection_lost may be called from here
  while (!queue_.empty()) {
    const auto next = queue_.front();
    const int error = send_now(next.data, next.to) ? 0 : errno;
    if (would_block(error)) break;
    queue_.pop();
    if (error != 0) tell_error("sendto", error);  // may send, close or abort (DGRAM-10)
  }
  maybe_resume_protocol();  // likewise
  if (!queue_.empty() || conn_lost_ != 0) return;
  unwatch_writable();
  if (!closing_) return;
  ++conn_lost_;
  call_connection_lost();
}

void SocketDatagramTransport::tell_error(const char* call, int error) {
  const auto protocol = protocol_;
  protocol->error_received(make_os_error(call, error));
}

void SocketDatagramTransport::unwatch_readable() noexcept {
  if (std::exchange(watches_readable_, false)) loop_->unwatch(fd_.get(), Interest::read);
}

void SocketDatagramTransport::unwatch_writable() noexcept {
  if (std::exchange(watches_writable_, false)) loop_->unwatch(fd_.get(), Interest::write);
}

void SocketDatagramTransport::close() {
  if (closing_ || !loop_) return;
  closing_ = true;
  unwatch_readable();
  if (queue_.empty()) queue_connection_lost();
}

void SocketDatagramTransport::abort() {
  if (conn_lost_ != 0 || !loop_) return;
  closing_ = true;
  queue_.clear();
  unwatch_readable();
  queue_connection_lost();
}

void SocketDatagramTransport::queue_connection_lost() {
  unwatch_writable();
  ++conn_lost_;
  loop_->call_soon(in_context(own_context(), [self = Ref(this)] { self->call_connection_lost(); }));
}

void SocketDatagramTransport::call_connection_lost() {
  struct AtExit {
    SocketDatagramTransport& transport;
    ~AtExit() { transport.let_go(); }
  } const at_exit{*this};
  const auto protocol = protocol_;
  protocol->connection_lost(nullptr);
}

void SocketDatagramTransport::loop_closed() noexcept {
  const Ref<SocketDatagramTransport> self(this);
  log(LogLevel::warning, "unclosed transport " + describe());
  watches_readable_ = watches_writable_ = false;
  closing_ = true;
  ++conn_lost_;
  queue_.clear();
  let_go();
}

// The last thing that happens to an endpoint. The caller holds a reference.
void SocketDatagramTransport::let_go() noexcept {
  std::exchange(loop_, nullptr)->unclaim(fd_.get(), *this);
  fd_.reset();
  protocol_ = nullptr;
  release();
}

std::string SocketDatagramTransport::describe() const {
  std::string text = "<SocketDatagramTransport";
  if (!fd_) return text + " closed>";
  if (closing_) text += " closing";
  text += " fd=" + std::to_string(fd_.get());
  text += watches_readable_ ? " read=polling" : " read=idle";
  text += watches_writable_ ? " write=<polling" : " write=<idle";
  return text + ", bufsize=" + std::to_string(queue_.size()) + ">>";
}

}  // namespace evloop
