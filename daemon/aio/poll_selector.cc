#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>
#include <vector>

#include "aio/patient_wait.h"
#include "aio/selector.h"
#include "base/system_error.h"

namespace evloop {
namespace {

// poll(2): for systems or descriptors that epoll does not take. The cost of a wait grows with the number
// of watched fds.
class PollSelector final : public Selector {
 public:
  void add(int fd, Interest interest) override {
    if (fd < 0 || ::fcntl(fd, F_GETFD) < 0) throw_errno("poll", EBADF);
    const auto index = static_cast<std::size_t>(fd);
    if (index >= slots_.size()) slots_.resize(index + 1, no_slot);
    if (slots_[index] != no_slot) return modify(fd, interest);
    slots_[index] = fds_.size();
    fds_.push_back({fd, events(interest), 0});
    ready_.reserve(fds_.capacity());
  }

  void add_wake_up(int fd) override {
    add(fd, Interest::read);
    wake_up_ = fd;
  }

  void modify(int fd, Interest interest) override {
    fds_.at(slots_.at(static_cast<std::size_t>(fd))).events = events(interest);
  }

  void remove(int fd) noexcept override {
    const auto index = static_cast<std::size_t>(fd);
    if (fd < 0 || index >= slots_.size() || slots_[index] == no_slot) return;
    const auto slot = std::exchange(slots_[index], no_slot);
    fds_.erase(fds_.begin() + static_cast<std::ptrdiff_t>(slot));
    for (auto i = slot; i < fds_.size(); ++i) slots_[static_cast<std::size_t>(fds_[i].fd)] = i;
  }

  std::span<const ReadyFd> select(std::optional<Duration> timeout) override {
    ready_.clear();
    const int count =
        wait_patiently(timeout, [this](int milliseconds) { return ::poll(fds_.data(), fds_.size(), milliseconds); });
    if (count < 0) {
      if (errno == EINTR) return {};
      throw_errno("poll");
    }
    for (const auto& entry : fds_) {
      if (entry.revents == 0 || (entry.revents & POLLNVAL)) continue;
      if (entry.fd == wake_up_) {
        // Level-triggered, it has to be read.
        std::uint64_t writes = 0;
        [[maybe_unused]] const auto got = ::read(wake_up_, &writes, sizeof writes);
        continue;
      }
      Interest ready = Interest::none;
      if (entry.revents & ~POLLOUT) ready = ready | Interest::read;
      if (entry.revents & ~POLLIN) ready = ready | Interest::write;
      if (!(entry.events & POLLIN)) ready = ready - Interest::read;
      if (!(entry.events & POLLOUT)) ready = ready - Interest::write;
      if (ready != Interest::none) ready_.push_back({entry.fd, ready});
    }
    return ready_;
  }

 private:
  static constexpr std::size_t no_slot = static_cast<std::size_t>(-1);

  static short events(Interest interest) noexcept {
    short made = 0;
    if ((interest & Interest::read) != Interest::none) made = static_cast<short>(made | POLLIN);
    if ((interest & Interest::write) != Interest::none) made = static_cast<short>(made | POLLOUT);
    return made;
  }

  int wake_up_ = -1;
  std::vector<pollfd> fds_;         // in order of registration
  std::vector<std::size_t> slots_;  // by fd: index into fds_
  std::vector<ReadyFd> ready_;
};

}  // namespace

std::unique_ptr<Selector> make_poll_selector() { return std::make_unique<PollSelector>(); }

}  // namespace evloop
