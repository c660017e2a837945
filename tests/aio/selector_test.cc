#include "aio/selector.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "aio/milliseconds.h"
#include "base/system_error.h"
#include "base/unique_fd.h"
#include "loop_test.h"

namespace evloop {
namespace {

std::unique_ptr<Selector> make(std::string_view kind) {
  return kind == "Epoll" ? make_epoll_selector() : make_poll_selector();
}

struct Pair {
  UniqueFd a;
  UniqueFd b;
};
Pair socket_pair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) throw_errno("socketpair");
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}
void write_to(int fd, std::string_view text) { ASSERT_EQ(::write(fd, text.data(), text.size()), std::ssize(text)); }
std::string read_from(int fd) {
  char text[64];
  const auto got = ::read(fd, text, sizeof text);
  return got > 0 ? std::string(text, static_cast<std::size_t>(got)) : "";
}

class SelectorTest : public testing::TestWithParam<std::string> {
 public:
  // What a poll without waiting finds: "3r 4rw", with the numbers of `names`.
  std::string poll(const std::vector<int>& names) {
    std::string text;
    for (const auto& ready : selector_->select(Duration::zero())) {
      if (!text.empty()) text += ' ';
      const auto name = std::ranges::find(names, ready.fd);
      text += name == names.end() ? "?" : std::to_string(name - names.begin());
      if ((ready.ready & Interest::read) != Interest::none) text += 'r';
      if ((ready.ready & Interest::write) != Interest::none) text += 'w';
    }
    return text;
  }
  std::unique_ptr<Selector> selector_ = make(GetParam());
};

INSTANTIATE_TEST_SUITE_P(, SelectorTest, testing::Values("Epoll", "Poll"), [](const auto& info) { return info.param; });

TEST_P(SelectorTest, ReportsWhatIsWatchedForAndReady) {
  const auto pair = socket_pair();
  const std::vector<int> names{pair.a.get(), pair.b.get()};
  selector_->add(pair.a.get(), Interest::read);
  EXPECT_EQ(poll(names), "");
  write_to(pair.b.get(), "x");
  EXPECT_EQ(poll(names), "0r");
  EXPECT_EQ(poll(names), "0r");  // level-triggered
  selector_->modify(pair.a.get(), Interest::read_write);
  EXPECT_EQ(poll(names), "0rw");
  selector_->modify(pair.a.get(), Interest::write);
  EXPECT_EQ(poll(names), "0w");
  selector_->remove(pair.a.get());
  EXPECT_EQ(poll(names), "");
  selector_->add(pair.a.get(), Interest::read);
  EXPECT_EQ(poll(names), "0r");
}

TEST_P(SelectorTest, AHangUpIsReadyForAllThatIsWatched) {  // LIFE-15
  auto pair = socket_pair();
  const std::vector<int> names{pair.a.get()};
  selector_->add(pair.a.get(), Interest::write);
  pair.b.reset();
  EXPECT_EQ(poll(names), "0w");
  selector_->modify(pair.a.get(), Interest::read);
  EXPECT_EQ(poll(names), "0r");
  selector_->modify(pair.a.get(), Interest::read_write);
  EXPECT_EQ(poll(names), "0rw");
}

TEST_P(SelectorTest, ReportsAllThatAreReadyInOnePoll) {  // LIFE-14
  std::vector<Pair> pairs;
  std::vector<int> names;
  for (int i = 0; i < 100; ++i) {
    pairs.push_back(socket_pair());
    names.push_back(pairs.back().a.get());
    selector_->add(names.back(), Interest::write);
  }
  EXPECT_EQ(selector_->select(Duration::zero()).size(), 100u);
  for (std::size_t i = 0; i < 50; ++i) selector_->remove(names[i]);
  EXPECT_EQ(selector_->select(Duration::zero()).size(), 50u);
}

TEST_P(SelectorTest, RefusesABadFd) {  // FD-08
  EXPECT_THROW(selector_->add(-1, Interest::read), std::system_error);
  int closed = -1;
  {
    closed = socket_pair().a.get();
  }
  try {
    selector_->add(closed, Interest::read);
    ADD_FAILURE();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EBADF);
  }
  EXPECT_EQ(poll({}), "");
}

TEST_P(SelectorTest, RemovingWhatIsNotWatchedDoesNothing) {
  selector_->remove(-1);
  selector_->remove(1'000'000);
  auto pair = socket_pair();
  selector_->remove(pair.a.get());
  selector_->add(pair.a.get(), Interest::read);
  pair.a.reset();
  const int number = pair.a.get();
  selector_->remove(number);
}

TEST_P(SelectorTest, ANumberThatWasClosedAndGivenOutAgainIsWatchedAnew) {  // FD-07
  auto old = socket_pair();
  const int number = old.a.get();
  selector_->add(number, Interest::read);
  old.a.reset();
  auto fresh = socket_pair();
  if (fresh.a.get() != number) {
    // Make it that number.
    ASSERT_EQ(::dup2(fresh.a.get(), number), number);
    fresh.a.reset(number);
  }
  selector_->modify(number, Interest::read_write);
  EXPECT_EQ(poll({number}), "0w");
  write_to(fresh.b.get(), "x");
  EXPECT_EQ(poll({number}), "0rw");
  selector_->add(number, Interest::read);
  EXPECT_EQ(poll({number}), "0r");
}

TEST_P(SelectorTest, WaitsNoLongerThanToldAndNotLess) {  // LIFE-07
  const auto before = std::chrono::steady_clock::now();
  EXPECT_TRUE(selector_->select(Duration(1'500'000)).empty());
  EXPECT_GE(std::chrono::steady_clock::now() - before, Duration(1'500'000));
}

TEST_P(SelectorTest, AWriteToTheWakeUpEndsASleepAndIsNeverReported) {
  const UniqueFd wake_up(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  selector_->add_wake_up(wake_up.get());
  for (int i = 0; i < 3; ++i) {
    std::jthread waker([&] {
      const std::uint64_t one = 1;
      EXPECT_EQ(::write(wake_up.get(), &one, sizeof one), 8);
    });
    EXPECT_TRUE(selector_->select(std::nullopt).empty());
  }
}

TEST_P(SelectorTest, ASignalEndsASleepWithNothing) {  // LIFE-13
  struct sigaction action{};
  struct sigaction before{};
  action.sa_handler = [](int) {};
  ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);
  std::atomic<bool> awake = false;
  const auto sleeper = ::pthread_self();
  std::jthread waker([&] {
    // Again and again: the first may come before the sleep.
    while (!awake) {
      ::pthread_kill(sleeper, SIGUSR1);
      std::this_thread::yield();
    }
  });
  EXPECT_TRUE(selector_->select(std::nullopt).empty());
  awake = true;
  waker.join();
  ASSERT_EQ(::sigaction(SIGUSR1, &before, nullptr), 0);
}

TEST(EpollSelector, RefusesARegularFile) {  // FD-08
  char name[] = "/tmp/evloop_selector_test_XXXXXX";
  const UniqueFd file(::mkstemp(name));
  ::unlink(name);
  try {
    make_epoll_selector()->add(file.get(), Interest::read);
    ADD_FAILURE();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EPERM);
  }
}

TEST(Milliseconds, AreRoundedUpAndBounded) {  // LIFE-07
  EXPECT_EQ(to_milliseconds(std::nullopt), -1);
  EXPECT_EQ(to_milliseconds(-5s), 0);
  EXPECT_EQ(to_milliseconds(0s), 0);
  EXPECT_EQ(to_milliseconds(1ns), 1);
  EXPECT_EQ(to_milliseconds(1ms), 1);
  EXPECT_EQ(to_milliseconds(1'000'001ns), 2);
  EXPECT_EQ(to_milliseconds(Duration::max()), 86'400'000);
}

// --- readers and writers of a loop, on each selector ---

class ReaderTest : public testing::TestWithParam<std::string> {
 public:
  ~ReaderTest() override { loop_.close(); }
  void turn(int times = 1) {
    for (int i = 0; i < times; ++i) {
      loop_.stop();
      loop_.run_forever();
    }
  }
  EventLoop loop_{{.selector = make(GetParam()), .clock = nullptr, .default_exception_handler = {}}};
  Pair pair_ = socket_pair();
  std::string trace_;
};

INSTANTIATE_TEST_SUITE_P(, ReaderTest, testing::Values("Epoll", "Poll"), [](const auto& info) { return info.param; });

TEST_P(ReaderTest, IsCalledEachTurnWhileTheFdIsReady) {  // FD-05
  loop_.add_reader(pair_.a.get(), [&] { trace_ += 'r'; });
  turn(2);
  EXPECT_EQ(trace_, "");
  write_to(pair_.b.get(), "x");
  turn(3);
  EXPECT_EQ(trace_, "rrr");
  EXPECT_EQ(read_from(pair_.a.get()), "x");
  turn(2);
  EXPECT_EQ(trace_, "rrr");
}

TEST_P(ReaderTest, AddingAgainReplacesAlsoWhatIsQueued) {  // FD-02
  write_to(pair_.b.get(), "x");
  Handle first;
  loop_.call_soon([&] {
    // Its reader is queued behind this already.
    loop_.add_reader(pair_.a.get(), [&] { trace_ += '2'; });
  });
  first = loop_.add_reader(pair_.a.get(), [&] { trace_ += '1'; });
  turn();
  EXPECT_TRUE(first.cancelled());
  EXPECT_EQ(trace_, "");
  turn();
  EXPECT_EQ(trace_, "2");
}

TEST_P(ReaderTest, ReaderAndWriterAreIndependent) {  // FD-03, LIFE-02
  write_to(pair_.b.get(), "x");
  loop_.add_writer(pair_.a.get(), [&] { trace_ += 'w'; });
  loop_.add_reader(pair_.a.get(), [&] { trace_ += 'r'; });
  turn();
  EXPECT_EQ(trace_, "rw");
  EXPECT_TRUE(loop_.remove_reader(pair_.a.get()));
  turn();
  EXPECT_EQ(trace_, "rww");
  loop_.add_reader(pair_.a.get(), [&] { trace_ += 'r'; });
  EXPECT_TRUE(loop_.remove_writer(pair_.a.get()));
  turn();
  EXPECT_EQ(trace_, "rwwr");
}

TEST_P(ReaderTest, RemoveAnswersWhetherThereWasOne) {  // FD-04
  EXPECT_FALSE(loop_.remove_reader(pair_.a.get()));
  EXPECT_FALSE(loop_.remove_writer(1'000'000));
  EXPECT_FALSE(loop_.remove_reader(-1));
  const auto handle = loop_.add_reader(pair_.a.get(), [] {});
  EXPECT_FALSE(loop_.remove_writer(pair_.a.get()));
  EXPECT_TRUE(loop_.remove_reader(pair_.a.get()));
  EXPECT_TRUE(handle.cancelled());
  EXPECT_FALSE(loop_.remove_reader(pair_.a.get()));
}

TEST_P(ReaderTest, ACallbackMayRemoveItself) {
  write_to(pair_.b.get(), "x");
  auto captured = std::make_shared<char>('r');
  loop_.add_reader(pair_.a.get(), [&, captured] {
    EXPECT_TRUE(loop_.remove_reader(pair_.a.get()));
    trace_ += *captured;
  });
  turn(3);
  EXPECT_EQ(trace_, "r");
  EXPECT_EQ(captured.use_count(), 1);
}

TEST_P(ReaderTest, OneCancelledThroughItsHandleIsUnregisteredWhenTheFdFires) {  // SCHED-16
  auto handle = loop_.add_reader(pair_.a.get(), [&] { trace_ += 'r'; });
  write_to(pair_.b.get(), "x");
  handle.cancel();
  turn(2);
  EXPECT_EQ(trace_, "");
  EXPECT_FALSE(loop_.remove_reader(pair_.a.get()));
}

TEST_P(ReaderTest, AnEventIsNotDeliveredTwiceAcrossAStop) {  // LIFE-21
  write_to(pair_.b.get(), "x");
  loop_.add_reader(pair_.a.get(), [&] {
    trace_ += read_from(pair_.a.get());
    trace_ += '|';
    loop_.stop();
  });
  loop_.run_forever();
  turn(2);
  EXPECT_EQ(trace_, "x|");
}

TEST_P(ReaderTest, AFailedRegistrationLeavesNoEntry) {  // FD-08
  int closed = -1;
  {
    closed = socket_pair().a.get();
  }
  EXPECT_THROW(loop_.add_reader(closed, [] {}), std::system_error);
  EXPECT_FALSE(loop_.remove_reader(closed));
  EXPECT_THROW(loop_.add_reader(-1, [] {}), std::system_error);
}

TEST_P(ReaderTest, AClosedFdsNumberCanBeUsedAgain) {  // FD-07
  const int number = pair_.a.get();
  loop_.add_reader(number, [&] { trace_ += "old"; });
  pair_.a.reset();
  auto fresh = socket_pair();
  if (fresh.a.get() != number) {
    ASSERT_EQ(::dup2(fresh.a.get(), number), number);
    fresh.a.reset(number);
  }
  loop_.add_reader(number, [&] { trace_ += 'n'; });
  loop_.add_writer(number, [&] {
    trace_ += 'w';
    loop_.remove_writer(number);
  });
  write_to(fresh.b.get(), "x");
  turn();
  EXPECT_EQ(trace_, "nw");
  EXPECT_TRUE(loop_.remove_reader(number));
}

class Transport final : public FdOwner {
 public:
  [[nodiscard]] std::string description() const override { return "<transport>"; }
  [[nodiscard]] bool holds_fd() const noexcept override { return !closing; }
  void loop_closed() noexcept override { told = true; }
  bool closing = false;
  bool told = false;
};

TEST_P(ReaderTest, AnFdClaimedByATransportIsRefusedToOthersUntilThatCloses) {  // FD-06
  const int fd = pair_.a.get();
  Transport transport;
  loop_.claim(fd, transport);
  const auto refused = [&](auto&& function) {
    EXPECT_EQ(error_of<LoopError>(std::forward<decltype(function)>(function)),
              "File descriptor " + std::to_string(fd) + " is used by transport <transport>");
  };
  refused([&] { loop_.add_reader(fd, [] {}); });
  refused([&] { loop_.add_writer(fd, [] {}); });
  refused([&] { loop_.remove_reader(fd); });
  refused([&] { loop_.remove_writer(fd); });
  loop_.watch(fd, Interest::write, [&] { trace_ += 'w'; });
  EXPECT_TRUE(loop_.is_watched(fd, Interest::write));
  turn();
  EXPECT_EQ(trace_, "w");
  EXPECT_TRUE(loop_.unwatch(fd, Interest::write));
  EXPECT_FALSE(loop_.is_watched(fd, Interest::write));
  transport.closing = true;
  loop_.add_reader(fd, [] {});
  loop_.remove_reader(fd);
  transport.closing = false;
  loop_.unclaim(fd, transport);
  loop_.add_reader(fd, [] {});
}

TEST_P(ReaderTest, ATransportIsToldWhenTheLoopIsClosedUnderIt) {
  Transport transport;
  loop_.claim(pair_.a.get(), transport);
  loop_.close();
  EXPECT_TRUE(transport.told);
}

TEST_P(ReaderTest, AThrowingReaderStaysRegistered) {  // SCHED-14
  write_to(pair_.b.get(), "x");
  int reports = 0;
  loop_.set_exception_handler([&](EventLoop&, const ErrorContext&) { ++reports; });
  loop_.add_reader(pair_.a.get(), [] { throw std::runtime_error("reader"); });
  turn(2);
  EXPECT_EQ(reports, 2);
}

TEST_P(ReaderTest, AFdMayBeRemovedByAnothersCallbackInTheSameTurn) {
  const auto other = socket_pair();
  write_to(pair_.b.get(), "x");
  write_to(other.b.get(), "x");
  const auto remove_both = [&] {
    trace_ += 'r';
    loop_.remove_reader(pair_.a.get());
    loop_.remove_reader(other.a.get());
  };
  loop_.add_reader(pair_.a.get(), remove_both);
  loop_.add_reader(other.a.get(), remove_both);
  turn(2);
  EXPECT_EQ(trace_, "r");
}

TEST_P(ReaderTest, APostFromAnotherThreadWakesASleepingLoop) {  // SCHED-03
  for (int i = 0; i < 20; ++i) {
    std::jthread poster([&] { loop_.call_soon_threadsafe([&] { loop_.stop(); }); });
    loop_.run_forever();
  }
}

TEST_P(ReaderTest, ShortSleepsDoNotSpin) {  // LIFE-07
  const auto before = loop_.port()->stats.iterations.get();
  const auto body = []() -> Coro<void> {
    for (int i = 0; i < 5; ++i) {
      const auto done = get_running_loop().create_future<void>();
      get_running_loop().call_later(100us, [done] { done.set_result(); });
      co_await done;
    }
  };
  loop_.run_until_complete(body());
  EXPECT_LE(loop_.port()->stats.iterations.get() - before, 20u);
}

}  // namespace
}  // namespace evloop
