#include "workloads/exec/program_run.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "net/socket.h"

namespace evloopd::workloads {
namespace {

constexpr std::size_t read_size = 4 * 1024;  // little, as thousands of short lines take their time
constexpr std::size_t reads_per_second = 256;
// What a pipe holds, and something for who goes on writing: a process that has left the group may do so for ever.
constexpr int reads_at_the_end = 32;

}  // namespace

ProgramRun::ProgramRun(evloop::EventLoop& loop, std::unique_ptr<ProcessSlot::Process> process,
                       evloop::Duration stop_timeout, Line line)
    : loop_(loop),
      stop_timeout_(stop_timeout),
      line_(std::move(line)),
      ended_(loop.create_future<int>()),
      process_(std::move(process)),
      pipes_{Pipe{.stream = OutputStream::std_out, .fd = std::move(process_->pipes[0])},
             Pipe{.stream = OutputStream::std_err, .fd = std::move(process_->pipes[1])}} {
  try {
    loop_.add_reader(process_->exit_fd(), [this] { exited(); });
    for (auto& pipe : pipes_) {
      evloop::set_non_blocking(pipe.fd.get());
      watch(pipe);
    }
  } catch (...) {
    loop_.remove_reader(process_->exit_fd());
    for (auto& pipe : pipes_) unwatch(pipe);
    throw;
  }
}

ProgramRun::~ProgramRun() {
  kill_.cancel();
  for (auto& pipe : pipes_) unwatch(pipe);
  if (process_ && !exited_) loop_.unwatch(process_->exit_fd(), evloop::Interest::read);
}

void ProgramRun::stop() {
  if (!process_ || std::exchange(stopping_, true)) return;
  process_->ask();
  kill_ = loop_.call_later(stop_timeout_, [this] { kill(); });
}

void ProgramRun::kill() {
  if (!process_) return;
  killed_ = true;
  process_->kill();
  finish_if_over();
}

// --- output ---

void ProgramRun::watch(Pipe& pipe) {
  loop_.add_reader(pipe.fd.get(), [this, &pipe] { read_at_pace(pipe); });
}

void ProgramRun::unwatch(Pipe& pipe) {
  pipe.resume.cancel();
  if (pipe.fd) loop_.unwatch(pipe.fd.get(), evloop::Interest::read);
}

bool ProgramRun::read(Pipe& pipe) {
  std::array<char, read_size> buffer;
  const auto count = ::read(pipe.fd.get(), buffer.data(), buffer.size());
  if (count > 0) {
    pipe.lines.take({buffer.data(), static_cast<std::size_t>(count)},
                    [&](std::string line) { line_(pipe.stream, std::move(line)); });
    return true;
  }
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  close(pipe);
  return false;
}

void ProgramRun::read_at_pace(Pipe& pipe) {
  if (const auto wait = pipe.pace.take(reads_per_second, loop_.time()); wait > evloop::Duration::zero()) {
    loop_.unwatch(pipe.fd.get(), evloop::Interest::read);
    pipe.resume = loop_.call_later(wait, [this, &pipe] { watch(pipe); });
    return;
  }
  read(pipe);
  finish_if_over();
}

void ProgramRun::read_rest(Pipe& pipe) {
  for (int reads = 0; pipe.fd && reads < reads_at_the_end; ++reads)
    if (!read(pipe)) return;
}

void ProgramRun::close(Pipe& pipe) {
  unwatch(pipe);
  pipe.lines.finish([&](std::string line) { line_(pipe.stream, std::move(line)); });
  pipe.fd.reset();
}

// --- the end ---

void ProgramRun::exited() {
  loop_.remove_reader(process_->exit_fd());
  exited_ = true;
  for (auto& pipe : pipes_) read_rest(pipe);
  finish_if_over();
  stop();  // what it has left behind
}

void ProgramRun::finish_if_over() {
  const bool silent = std::ranges::none_of(pipes_, [](const Pipe& pipe) { return static_cast<bool>(pipe.fd); });
  if (!exited_ || !process_ || !(silent || killed_)) return;
  kill_.cancel();
  const auto status = process_->reap();
  process_.reset();
  for (auto& pipe : pipes_) {
    read_rest(pipe);
    if (pipe.fd) close(pipe);
  }
  if (!ended_.done()) ended_.set_result(status);
}

}  // namespace evloopd::workloads
