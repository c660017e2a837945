#include "support/everywhere.h"

#include <fcntl.h>
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

#include "aio/async_generator.h"
#include "aio/barrier.h"
#include "aio/condition.h"
#include "aio/event.h"
#include "aio/gather.h"
#include "aio/lock.h"
#include "aio/queue.h"
#include "aio/semaphore.h"
#include "aio/sleep.h"
#include "aio/task_group.h"
#include "aio/timeout.h"
#include "base/unique_fd.h"
#include "net/process/process.h"
#include "net/resolve.h"
#include "net/scenarios.h"
#include "net/sendfile.h"
#include "net/streams.h"

// Whatever a coroutine waits for: interrupted there, it leaves nothing.
namespace evloop {
namespace {

using namespace std::chrono_literals;

// --- waiting for each other ---

Coro<void> locks_and_conditions() {
  Lock lock;
  Condition condition;
  Event event;
  Semaphore semaphore(1);
  Barrier barrier(2);
  bool told = false;
  co_await task_group([&](TaskGroup& group) -> Coro<void> {
    for (int i = 0; i < 2; ++i)
      static_cast<void>(group.create_task([&, i]() -> Coro<void> {
        {
          const auto held = co_await lock.scoped();
          co_await yield();
        }
        {
          const auto held = co_await semaphore.scoped();
          co_await sleep(1s);
        }
        static_cast<void>(co_await barrier.wait());
        {
          const auto held = co_await condition.scoped();
          if (i == 0) {
            while (!told) co_await condition.wait();
          } else {
            told = true;
            condition.notify_all();
          }
        }
        if (i == 0) event.set();
        co_await event.wait();
      }));
    co_await event.wait();
  });
  EXPECT_FALSE(lock.locked());
  EXPECT_FALSE(semaphore.locked());
}

Coro<void> queues() {
  Queue<int> queue(1);
  int put = 0;
  int got = 0;
  co_await with_end(
      [&]() -> Coro<void> {
        co_await task_group([&](TaskGroup& group) -> Coro<void> {
          static_cast<void>(group.create_task([&]() -> Coro<void> {
            for (; put < 5; ++put) co_await queue.put(put);
          }));
          for (; got < 5; ++got) EXPECT_EQ(co_await queue.get(), got);
        });
      },
      [&]() -> Coro<void> {
        EXPECT_EQ(static_cast<std::size_t>(put - got), queue.qsize());
        co_return;
      });
}

Coro<void> groups_timeouts_and_gathers() {
  const auto nap = [](Duration time) -> Coro<int> {
    co_await sleep(time);
    co_return 1;
  };
  co_await task_group([&](TaskGroup& group) -> Coro<void> {
    static_cast<void>(group.create_task(nap(3s)));
    const auto [one, two] = co_await gather(nap(1s), nap(2s));
    EXPECT_EQ(one + two, 2);
    EXPECT_EQ(co_await wait_for(nap(1s), 5s), 1);
    const auto late = co_await settled(wait_for(nap(1h), 1s));
    if (late.cancelled()) std::rethrow_exception(late.error());
    EXPECT_FALSE(late.has_value());
    co_await with_timeout(10s, [&](Timeout&) -> Coro<void> { co_await sleep(1s); });
  });
}

AsyncGenerator<int> count_slowly(int* open) {
  struct Closed {
    int* open;
    ~Closed() { --*open; }
  } const closed{open};
  ++*open;
  for (int i = 0; i < 3; ++i) {
    co_await sleep(1s);
    co_yield i;
  }
}

Coro<void> generators() {
  int open = 0;
  auto numbers = count_slowly(&open);
  co_await with_end(
      [&]() -> Coro<void> {
        while (co_await numbers.anext()) co_await sleep(1s);
      },
      [&]() -> Coro<void> { co_await numbers.aclose(); });
  EXPECT_EQ(open, 0);
}

Coro<void> jobs_of_threads() {
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(co_await get_running_loop().run_in_executor(nullptr, [i] { return i * 2; }), i * 2);
}

// --- the network ---

Coro<void> streams() {
  co_await with_echo_server(
      [](SocketAddress address) -> Coro<void> { co_await talk(co_await open_connection(address)); });
}

Coro<void> lookups() {
  EXPECT_FALSE((co_await getaddrinfo(get_running_loop(), "localhost", 80)).empty());
  EXPECT_FALSE((co_await getnameinfo(get_running_loop(), SocketAddress::parse("127.0.0.1:80"))).service.empty());
}

Coro<void> connections_by_name() {
  co_await with_echo_server([](SocketAddress address) -> Coro<void> {
    const auto stream =
        co_await open_connection("localhost", address.port(), default_stream_limit, {.happy_eyeballs_delay = 250ms});
    stream.writer->close();
    static_cast<void>(co_await settled(stream.writer->wait_closed()));
  });
}

Coro<void> files() {
  std::array<char, 32> name{"/tmp/evloop-sendfile-XXXXXX"};
  const UniqueFd file(::mkstemp(name.data()));
  ::unlink(name.data());
  const std::string content(200'000, 'f');
  EXPECT_EQ(::write(file.get(), content.data(), content.size()), 200'000);
  co_await with_echo_server([&](SocketAddress address) -> Coro<void> {
    const auto stream = co_await open_connection(address);
    co_await with_end(
        [&]() -> Coro<void> {
          const auto sent = co_await sendfile(get_running_loop(), Ref(&stream.writer->transport()), file.get());
          EXPECT_EQ(sent, 200'000);
          EXPECT_EQ((co_await stream.reader->readexactly(200'000)).size(), 200'000u);
        },
        [&]() -> Coro<void> {
          stream.writer->close();
          static_cast<void>(co_await settled(stream.writer->wait_closed()));
        });
  });
}

Coro<void> children() {
  const auto child = co_await create_subprocess_exec({"cat"}, {.std_in = Stdio::pipe(), .std_out = Stdio::pipe()});
  co_await with_end(
      [&]() -> Coro<void> {
        const auto output = co_await child.communicate(Bytes(std::string(100'000, 'c')));
        EXPECT_EQ(output.std_out->size(), 100'000u);
      },
      [&]() -> Coro<void> {
        if (!child.returncode()) child.kill();
        co_await child.wait();
        child.transport()->close();
      });
}

const Scenario scenarios[] = {
    {.name = "locks_and_conditions", .run = locks_and_conditions, .time = ScenarioTime::is_virtual, .suspensions = 2},
    {.name = "queues", .run = queues, .time = ScenarioTime::is_virtual, .suspensions = 3},
    {.name = "groups_timeouts_and_gathers",
     .run = groups_timeouts_and_gathers,
     .time = ScenarioTime::is_virtual,
     .suspensions = 4},
    {.name = "generators", .run = generators, .time = ScenarioTime::is_virtual, .suspensions = 6},
    {.name = "jobs_of_threads", .run = jobs_of_threads, .time = ScenarioTime::real, .suspensions = 3},
    {.name = "streams", .run = streams, .time = ScenarioTime::real, .suspensions = 6},
    {.name = "lookups", .run = lookups, .time = ScenarioTime::real, .suspensions = 2},
    {.name = "connections_by_name", .run = connections_by_name, .time = ScenarioTime::real, .suspensions = 2},
    {.name = "files", .run = files, .time = ScenarioTime::real, .suspensions = 2},
    {.name = "children", .run = children, .time = ScenarioTime::real, .suspensions = 2},
};

class Everywhere : public testing::TestWithParam<Scenario> {};

TEST_P(Everywhere, ACancelledScenarioLeavesNothing) {
  EXPECT_GE(cancel_everywhere(GetParam()), GetParam().suspensions);
}
TEST_P(Everywhere, AClosedLoopsScenarioLeavesNothing) {
  EXPECT_GE(close_everywhere(GetParam(), false), GetParam().suspensions);
}
TEST_P(Everywhere, ADestroyedLoopsScenarioLeavesNothing) {
  EXPECT_GE(close_everywhere(GetParam(), true), GetParam().suspensions);
}

INSTANTIATE_TEST_SUITE_P(Scenarios, Everywhere, testing::ValuesIn(scenarios),
                         [](const auto& info) { return std::string(info.param.name); });

Coro<void> suspends_three_times() {
  co_await yield();
  co_await sleep(1s);
  co_await yield();
}
Coro<void> does_nothing() { co_return; }

TEST(EverywhereItself, FindsADescriptorThatIsLeft) {
  static const auto before = open_fds();
  const UniqueFd left(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_NONFATAL_FAILURE(expect_nothing_left(before, 0s), "descriptors are left");
}
TEST(EverywhereItself, InterruptsAtEachSuspension) {
  EXPECT_EQ(cancel_everywhere({.name = "nothing", .run = does_nothing}), 0u);
  EXPECT_EQ(cancel_everywhere({.name = "three", .run = suspends_three_times, .time = ScenarioTime::is_virtual}), 3u);
}

}  // namespace
}  // namespace evloop
