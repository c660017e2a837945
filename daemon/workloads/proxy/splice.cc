#include "workloads/proxy/splice.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "net/os_error.h"
#include "workloads/proxy/bulk.h"

namespace evloopd::workloads {

Splice::Splice(PipePool& pipes, evloop::SocketTransport& from, evloop::Ref<evloop::SocketTransport> to,
               std::size_t most, SpliceOwner& owner) noexcept
    : pipes_(pipes), from_(from), to_(std::move(to)), owner_(owner), most_(most) {}

Splice::~Splice() {
  to_->end_direct_send(*this);
  let_pipe_go();
}

void Splice::begin() noexcept {
  on_ = true;
  small_ = 0;
  from_.set_direct_receiver(this);
}

void Splice::end() noexcept {
  on_ = false;
  from_.set_direct_receiver(nullptr);
}

std::ptrdiff_t Splice::receive(int fd) {
  pipe_ = pipes_.take();
  if (!pipe_.in) {  // no descriptors: by copy, at the next event, which is there already
    end();
    errno = EAGAIN;
    return -1;
  }
  const auto got = ::splice(fd, nullptr, pipe_.in.get(), nullptr, most_, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (got <= 0) {
    const int error = errno;
    let_pipe_go();
    errno = error;
    return got;
  }
  held_ = static_cast<std::size_t>(got);
  owner_.spliced(held_);
  small_ = held_ < bulk_chunk ? small_ + 1 : 0;
  if (!flush(to_->fd())) {
    just_full_ = true;
    from_.pause_reading();
    to_->begin_direct_send(*this);
  } else if (small_ >= patience) {
    end();
  }
  return got;
}

bool Splice::flush(int fd) noexcept {
  while (held_ > 0) {
    const auto sent = ::splice(pipe_.out.get(), nullptr, fd, nullptr, held_, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (sent < 0 && errno == EAGAIN) return false;
    if (sent < 0) {
      to_->force_close(evloop::make_os_error("splice"));
      break;  // what is held has nowhere to go
    }
    held_ -= static_cast<std::size_t>(sent);
  }
  let_pipe_go();
  return true;
}

bool Splice::send(int fd) {
  if (std::exchange(just_full_, false) || !flush(fd)) return false;
  to_->end_direct_send(*this);
  from_.resume_reading();
  return true;
}

void Splice::connection_lost(std::exception_ptr /*error*/) { let_pipe_go(); }

void Splice::let_pipe_go() noexcept {
  if (!pipe_.in) return;
  pipes_.give_back(std::exchange(pipe_, {}), held_ == 0);
  held_ = 0;
}

}  // namespace evloopd::workloads
