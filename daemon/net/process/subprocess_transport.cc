#include "net/process/subprocess_transport.h"

#include <signal.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "aio/settled.h"
#include "base/log.h"
#include "net/read_pipe_transport.h"
#include "net/write_pipe_transport.h"

namespace evloop {

// Of one pipe: passes on what its transport says.
class SubprocessTransport::PipeProtocol final : public Protocol {
 public:
  PipeProtocol(SubprocessTransport& process, int fd) noexcept : process_(&process), fd_(fd) {}

  void data_received(std::span<const std::byte> data) override {
    const auto protocol = process_->protocol_;
    protocol->pipe_data_received(fd_, data);
  }
  void connection_lost(std::exception_ptr error) override { process_->pipe_lost(fd_, std::move(error)); }
  void pause_writing() override { process_->protocol_->pause_writing(); }
  void resume_writing() override { process_->protocol_->resume_writing(); }

 private:
  const Ref<SubprocessTransport> process_;  // the pipe lets go of this, and so of that, at its end
  const int fd_;
};

Ref<SubprocessTransport> SubprocessTransport::create(EventLoop& loop, Child child, std::array<UniqueFd, 3> pipes,
                                                     Ref<SubprocessProtocol> protocol, Future<void> waiter) {
  Ref<SubprocessTransport> transport(new SubprocessTransport(loop, std::move(child), std::move(protocol)));
  transport->add_ref();  // the loop's reference
  try {
    transport->connect(std::move(pipes));
    transport->begin(waiter);
  } catch (...) {
    // It ends as any other, but nobody is told.
    transport->protocol_ = Ref(new SubprocessProtocol);
    transport->close();
    throw;
  }
  return transport;
}

SubprocessTransport::SubprocessTransport(EventLoop& loop, Child child, Ref<SubprocessProtocol> protocol)
    : loop_(&loop), protocol_(std::move(protocol)), pid_(child.pid()), child_(std::move(child)) {
  loop.claim(child_->exit_fd(), *this);
  try {
    loop.watch(child_->exit_fd(), Interest::read, [this] { child_ready(); });
  } catch (...) {
    loop.unclaim(child_->exit_fd(), *this);
    throw;
  }
}

void SubprocessTransport::connect(std::array<UniqueFd, 3> pipes) {
  for (int fd = 0; fd < 3; ++fd) {
    const auto index = static_cast<std::size_t>(fd);
    if (!pipes[index]) continue;
    const Ref<Protocol> protocol(new PipeProtocol(*this, fd));
    if (fd == 0) {
      pipes_[index] = WritePipeTransport::create(*loop_, std::move(pipes[index]), protocol);
    } else {
      pipes_[index] = ReadPipeTransport::create(*loop_, std::move(pipes[index]), protocol);
    }
    ++open_pipes_;
  }
}

// The pipes' own beginnings are queued before this, and nothing can be read from them, nor the exit be noticed, before
// the next turn: so no event comes before connection_made, and none has to be held back (PROC-04).
void SubprocessTransport::begin(const Future<void>& waiter) {
  loop_->call_soon([self = Ref(this), waiter] {
    std::exception_ptr failure;
    const auto protocol = self->protocol_;
    try {
      protocol->connection_made(*self);
    } catch (...) {
      failure = std::current_exception();
    }
    if (waiter && !waiter.done()) waiter.set_result();
    if (failure) std::rethrow_exception(failure);  // reported, and the child lives on
  });
}

Ref<Transport> SubprocessTransport::get_pipe_transport(int fd) const {
  return fd >= 0 && fd < 3 ? pipes_[static_cast<std::size_t>(fd)] : nullptr;
}

// --- the end ---

void SubprocessTransport::child_ready() {
  const Ref<SubprocessTransport> self(this);
  const auto returncode = child_->reap();
  if (!returncode) return;
  loop_->unwatch(child_->exit_fd(), Interest::read);
  returncode_ = returncode;
  std::exception_ptr failure;
  const auto protocol = protocol_;
  try {
    protocol->process_exited();
  } catch (...) {
    failure = std::current_exception();
  }
  wake_waiters();
  finish_if_over();
  if (failure) std::rethrow_exception(failure);  // reported
}

void SubprocessTransport::wake_waiters() {
  for (const auto& waiter : std::exchange(waiters_, {}))
    if (!waiter.done()) waiter.set_result(*returncode_);
}

void SubprocessTransport::pipe_lost(int fd, std::exception_ptr error) {
  --open_pipes_;
  std::exception_ptr failure;
  const auto protocol = protocol_;
  try {
    protocol->pipe_connection_lost(fd, std::move(error));
  } catch (...) {
    failure = std::current_exception();
  }
  finish_if_over();
  if (failure) std::rethrow_exception(failure);  // reported
}

void SubprocessTransport::finish_if_over() {
  if (returncode_ && open_pipes_ == 0) loop_->call_soon([self = Ref(this)] { self->call_connection_lost(); });
}

void SubprocessTransport::call_connection_lost() {
  struct AtExit {
    SubprocessTransport& transport;
    ~AtExit() { transport.let_go(); }
  } const at_exit{*this};
  const auto protocol = protocol_;
  protocol->connection_lost(nullptr);
}

void SubprocessTransport::loop_closed() noexcept {
  const Ref<SubprocessTransport> self(this);
  if (!closing_) log(LogLevel::warning, "unclosed transport " + describe());
  if (!returncode_) log(LogLevel::warning, "Loop that handles pid " + std::to_string(pid_) + " is closed");
  let_go();
}

void SubprocessTransport::let_go() noexcept {
  std::exchange(loop_, nullptr)->unclaim(child_->exit_fd(), *this);
  child_.reset();
  closing_ = true;
  protocol_ = nullptr;
  release();
}

void SubprocessTransport::close() {
  if (std::exchange(closing_, true)) return;
  for (const auto& pipe : pipes_)
    if (pipe) pipe->close();
  if (returncode_) return;
  if (loop_->debug()) log(LogLevel::warning, "Close running child process: kill " + describe());
  try {
    child_->send_signal(SIGKILL);
  } catch (const std::system_error&) {
    // It runs as another user.
  }
}

// --- signals ---

void SubprocessTransport::send_signal(int signal) {
  if (!loop_) throw std::system_error(ESRCH, std::generic_category());
  if (!returncode_) child_->send_signal(signal);
}

void SubprocessTransport::terminate() { send_signal(SIGTERM); }
void SubprocessTransport::kill() { send_signal(SIGKILL); }

// --- waiting ---

Coro<int> SubprocessTransport::wait_for(Ref<SubprocessTransport> transport) {
  if (transport->returncode_) co_return *transport->returncode_;
  if (!transport->loop_) throw LoopError("Event loop is closed");
  const auto waiter = transport->loop_->create_future<int>();
  transport->waiters_.push_back(waiter);
  const auto ended = co_await settled(waiter);
  std::erase(transport->waiters_, waiter);
  if (!ended.has_value()) std::rethrow_exception(ended.error());
  co_return ended.value();
}

std::string SubprocessTransport::describe() const {
  std::string text = "<SubprocessTransport";
  if (closing_) text += " closed";
  text += " pid=" + std::to_string(pid_);
  text += returncode_ ? " returncode=" + std::to_string(*returncode_) : " running";
  for (std::size_t fd = 0; fd < pipes_.size(); ++fd) {
    static constexpr std::array names{" stdin=", " stdout=", " stderr="};
    if (pipes_[fd]) text += names[fd] + pipes_[fd]->describe();
  }
  return text + ">";
}

}  // namespace evloop
