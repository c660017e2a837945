#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <vector>

#include "aio/patient_wait.h"
#include "aio/selector.h"
#include "base/system_error.h"
#include "base/unique_fd.h"

namespace evloop {
namespace {

// The event carries fd and generation, never a pointer: an event for a registration that is gone, or
// that belongs to an earlier user of the number, is recognised and dropped.
class EpollSelector final : public Selector {
 public:
  EpollSelector() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (!epoll_) throw_errno("epoll_create1");
  }

  void add(int fd, Interest interest) override {
    if (fd < 0) throw_errno("epoll_ctl", EBADF);
    const auto index = static_cast<std::size_t>(fd);
    if (index >= entries_.size()) entries_.resize(index + 1);
    auto& entry = entries_[index];
    ++entry.generation;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &(scratch_ = event(fd, entry.generation, interest))) != 0) {
      // The number was closed without remove() and given out again, to a duplicate of the same file.
      if (errno != EEXIST || ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &scratch_) != 0) throw_errno("epoll_ctl");
    }
    if (entry.interest == Interest::none) ++watched_;
    entry.interest = interest;
  }

  void add_wake_up(int fd) override {
    // Edge-triggered: a write is an edge also while the counter is above zero.
    scratch_ = {};
    scratch_.events = EPOLLIN | EPOLLET;
    scratch_.data.u64 = wake_up;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &scratch_) != 0) throw_errno("epoll_ctl");
    ++watched_;
  }

  void modify(int fd, Interest interest) override {
    auto& entry = entries_.at(static_cast<std::size_t>(fd));
    scratch_ = event(fd, entry.generation, interest);
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &scratch_) != 0) {
      // Closed without remove(), and the number given out again: the kernel forgot, we did not.
      if (errno != ENOENT || ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &scratch_) != 0) throw_errno("epoll_ctl");
    }
    entry.interest = interest;
  }

  void remove(int fd) noexcept override {
    const auto index = static_cast<std::size_t>(fd);
    if (fd < 0 || index >= entries_.size() || entries_[index].interest == Interest::none) return;
    entries_[index].interest = Interest::none;
    ++entries_[index].generation;
    --watched_;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  }

  std::span<const ReadyFd> select(std::optional<Duration> timeout) override {
    const auto room = std::max<std::size_t>(1, watched_);
    if (capacity_ < room) {
      // Not cleared: memory that no event has used yet costs nothing.
      capacity_ = room * 2;
      events_ = std::make_unique_for_overwrite<epoll_event[]>(capacity_);
      ready_ = std::make_unique_for_overwrite<ReadyFd[]>(capacity_);
    }
    const int count = wait_patiently(timeout, [this, room](int milliseconds) {
      return ::epoll_wait(epoll_.get(), events_.get(), static_cast<int>(room), milliseconds);
    });
    if (count < 0) {
      if (errno == EINTR) return {};
      throw_errno("epoll_wait");
    }
    std::size_t found = 0;
    for (int i = 0; i < count; ++i) {
      const auto& happened = events_[static_cast<std::size_t>(i)];
      if (happened.data.u64 == wake_up) continue;
      const auto fd = static_cast<std::uint32_t>(happened.data.u64);
      const auto& entry = entries_[fd];
      if (entry.generation != static_cast<std::uint32_t>(happened.data.u64 >> 32)) continue;
      // Errors and hang-ups are both.
      auto ready = Interest::read;
      if (happened.events != EPOLLIN) [[unlikely]]
        ready = happened.events == EPOLLOUT ? Interest::write : Interest::read_write;
      ready = ready & entry.interest;
      if (ready != Interest::none) ready_[found++] = {static_cast<int>(fd), ready};
    }
    return {ready_.get(), found};
  }

 private:
  static constexpr std::uint64_t wake_up = ~std::uint64_t{0};  // no fd is that large

  struct Entry {
    std::uint32_t generation = 0;
    Interest interest = Interest::none;
  };

  static epoll_event event(int fd, std::uint32_t generation, Interest interest) noexcept {
    epoll_event made{};
    if ((interest & Interest::read) != Interest::none) made.events |= EPOLLIN;
    if ((interest & Interest::write) != Interest::none) made.events |= EPOLLOUT;
    made.data.u64 = static_cast<std::uint32_t>(fd) | (std::uint64_t{generation} << 32);
    return made;
  }

  UniqueFd epoll_;
  std::vector<Entry> entries_;  // by fd
  std::size_t watched_ = 0;
  epoll_event scratch_{};
  std::size_t capacity_ = 0;
  std::unique_ptr<epoll_event[]> events_;
  std::unique_ptr<ReadyFd[]> ready_;
};

}  // namespace

std::unique_ptr<Selector> make_epoll_selector() { return std::make_unique<EpollSelector>(); }

}  // namespace evloop
