#include "net/server.h"

#include <sys/stat.h>

#include <utility>

#include "base/log.h"
#include "net/os_error.h"
#include "net/server_state.h"
#include "net/socket_transport.h"

namespace evloop {

ServerState::ServerState(EventLoop& loop, ProtocolFactory factory, std::vector<Listening> sockets, int backlog,
                         TlsServer tls)
    : loop_(loop),
      factory_(std::move(factory)),
      backlog_(backlog),
      tls_(std::move(tls)),
      sockets_(std::move(sockets)) {}

ServerState::~ServerState() = default;

void ServerState::start() {
  if (closed_) throw LoopError("server " + describe() + " is closed");
  if (serving_) return;
  serving_ = true;
  for (const auto& socket : sockets_) {
    start_listening(socket.fd.get(), backlog_);
    acceptors_.push_back(std::make_unique<Acceptor>(loop_, socket.fd.get(), backlog_,
                                                    [this](UniqueFd connection) { accepted(std::move(connection)); }));
    acceptors_.back()->start();
  }
}

// In asyncio a task: the factory runs in the turn after the accept (SRV-14).
void ServerState::accepted(UniqueFd connection) {
  loop_.call_soon(in_context(
      context_.copy(), [self = Ref(this), fd = std::move(connection)]() mutable { self->connect(std::move(fd)); }));
}

void ServerState::connect(UniqueFd connection) {
  if (closed_) return;
  try {
    if (tls_) return connect_with_tls(std::move(connection));
    static_cast<void>(SocketTransport::create(loop_, std::move(connection), factory_(), Ref<TransportGroup>(this)));
  } catch (const Fatal&) {
    throw;
  } catch (...) {
    connection_failed(std::current_exception());
  }
}

void ServerState::connect_with_tls(UniqueFd connection) {
  Future<void> waiter;
  if (loop_.debug()) {  // nobody else asks how the handshake went
    waiter = loop_.create_future();
    waiter.add_done_callback([self = Ref(this)](const Future<void>& made) {
      if (!made.cancelled() && made.exception()) self->connection_failed(made.exception());
    });
  }
  auto below = tls_->wrap(loop_, factory_(), {}, waiter).below;
  static_cast<void>(SocketTransport::create(loop_, std::move(connection), std::move(below), Ref<TransportGroup>(this)));
}

void ServerState::connection_failed(std::exception_ptr error) {
  if (loop_.debug())
    loop_.call_exception_handler(
        {.message = "Error on transport creation for incoming connection", .exception = std::move(error)});
}

void ServerState::close() {
  if (std::exchange(closed_, true)) return;
  const Ref<ServerState> self(this);
  for (const auto& acceptor : acceptors_) acceptor->stop();
  for (auto& socket : sockets_) {
    socket.fd.reset();
    if (socket.path.empty()) continue;
    struct stat now{};
    // Somebody may have put another socket there (UNIX-03).
    if (::stat(socket.path.c_str(), &now) == 0 && (now.st_ino != socket.inode || ::unlink(socket.path.c_str()) == 0))
      continue;
    if (errno != ENOENT)
      log(LogLevel::error, "Unable to clean up listening UNIX socket '" + socket.path + "': " + error_text(errno));
  }
  sockets_.clear();
  serving_ = false;
  if (forever_ && !forever_.done()) forever_.cancel();
  if (empty()) wake_waiters();
}

void ServerState::emptied() {
  if (closed_) wake_waiters();
}

void ServerState::wake_waiters() {
  gone_ = true;
  for (const auto& waiter : std::exchange(waiters_, {}))
    if (!waiter.done()) waiter.set_result();
}

Coro<void> ServerState::serve_forever(Ref<ServerState> self) {
  if (self->forever_) throw LoopError("server " + self->describe() + " is already being awaited on serve_forever()");
  self->start();
  self->forever_ = self->loop_.create_future();
  const auto forever = self->forever_;
  const auto ended = co_await settled(forever);
  if (ended.cancelled()) {
    self->close();
    self->close_all();
    static_cast<void>(co_await settled(wait_closed(self)));  // whatever it throws, the cancellation goes on
  }
  self->forever_ = {};
  std::rethrow_exception(ended.error());
}

Coro<void> ServerState::wait_closed(Ref<ServerState> self) {
  if (self->gone_) co_return;
  const auto waiter = self->waiters_.emplace_back(self->loop_.create_future());
  co_await waiter;
}

std::vector<Server::Socket> ServerState::sockets() const {
  std::vector<Server::Socket> sockets;
  for (const auto& socket : sockets_) sockets.emplace_back(socket.fd.get(), SocketAddress::local(socket.fd.get()));
  return sockets;
}

std::string ServerState::describe() const {
  std::string text;
  for (const auto& socket : sockets()) text += (text.empty() ? "" : ", ") + socket.address.to_string();
  return "<Server sockets=(" + text + ")>";
}

// --- Server ---

Server::Server() noexcept = default;
Server::Server(Server&& other) noexcept = default;
Server::Server(Ref<ServerState> state) noexcept : state_(std::move(state)) {}

Server& Server::operator=(Server&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

Server::~Server() {
  if (!state_) return;
  try {
    state_->close();
  } catch (const LoopError&) {
    // The loop is closed: whoever waited for the server will not run any more.
  }
}

Coro<void> Server::start_serving() {
  state_->start();
  // One turn, so that everybody sees it listening.
  co_await yield();
}

Coro<void> Server::serve_forever() { return ServerState::serve_forever(state_); }
bool Server::is_serving() const noexcept { return state_->is_serving(); }
std::vector<Server::Socket> Server::sockets() const { return state_->sockets(); }
EventLoop& Server::get_loop() const noexcept { return state_->loop(); }
void Server::close() { state_->close(); }
Coro<void> Server::wait_closed() { return ServerState::wait_closed(state_); }
void Server::close_clients() { state_->close_all(); }
void Server::abort_clients() { state_->abort_all(); }

}  // namespace evloop
