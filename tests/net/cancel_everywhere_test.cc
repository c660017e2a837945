#include "support/cancel_everywhere.h"

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
#include "net/cancel_scenarios.h"
#include "net/process/process.h"
#include "net/resolve.h"
#include "net/sendfile.h"
#include "net/streams.h"

// Whatever a coroutine waits for: cancelled there, it leaves nothing. See CancelEverywhere.
namespace evloop {
namespace {

using namespace std::chrono_literals;
using Time = CancelEverywhere::Time;

TEST(CancelEverywhere, FindsADescriptorThatIsLeft) {
  static int left = -1;
  const auto scenario = []() -> Coro<void> {
    left = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    co_return;
  };
  EXPECT_NONFATAL_FAILURE(CancelEverywhere().run(scenario), "open_descriptors()");
  ::close(left);
}

TEST(CancelEverywhere, CountsTheSuspensions) {
  EXPECT_EQ(CancelEverywhere().run([]() -> Coro<void> { co_return; }), 0u);
  EXPECT_EQ(CancelEverywhere(Time::is_virtual).run([]() -> Coro<void> {
    co_await yield();
    co_await sleep(1s);
    co_await yield();
  }), 3u);
}

// --- waiting for each other ---

TEST(CancelEverywhere, LocksAndConditionsAreGivenUp) {
  const auto scenario = []() -> Coro<void> {
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
  };
  EXPECT_GE(CancelEverywhere(Time::is_virtual).run(scenario), 2u);
}

TEST(CancelEverywhere, QueuesLoseNothing) {
  const auto scenario = []() -> Coro<void> {
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
  };
  EXPECT_GE(CancelEverywhere(Time::is_virtual).run(scenario), 3u);
}

TEST(CancelEverywhere, GroupsTimeoutsAndGathersEndTheirMembers) {
  const auto scenario = []() -> Coro<void> {
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
  };
  EXPECT_GE(CancelEverywhere(Time::is_virtual).run(scenario), 4u);
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

TEST(CancelEverywhere, GeneratorsAreClosed) {
  const auto scenario = []() -> Coro<void> {
    int open = 0;
    auto numbers = count_slowly(&open);
    co_await with_end(
        [&]() -> Coro<void> {
          while (co_await numbers.anext()) co_await sleep(1s);
        },
        [&]() -> Coro<void> { co_await numbers.aclose(); });
    EXPECT_EQ(open, 0);
  };
  EXPECT_GE(CancelEverywhere(Time::is_virtual).run(scenario), 6u);
}

TEST(CancelEverywhere, WhoWaitsForAThreadLeavesItsJobBehind) {
  const auto scenario = []() -> Coro<void> {
    for (int i = 0; i < 3; ++i)
      EXPECT_EQ(co_await get_running_loop().run_in_executor(nullptr, [i] { return i * 2; }), i * 2);
  };
  EXPECT_GE(CancelEverywhere().run(scenario), 3u);
}

// --- the network ---

TEST(CancelEverywhere, StreamsCloseTheirConnections) {
  const auto scenario = []() -> Coro<void> {
    co_await with_echo_server([](SocketAddress address) -> Coro<void> {
      co_await talk(co_await open_connection(address));
    });
  };
  EXPECT_GE(CancelEverywhere().run(scenario), 6u);
}

TEST(CancelEverywhere, LookupsMayBeGivenUp) {
  const auto scenario = []() -> Coro<void> {
    EXPECT_FALSE((co_await getaddrinfo(get_running_loop(), "localhost", 80)).empty());
    EXPECT_FALSE((co_await getnameinfo(get_running_loop(), SocketAddress::parse("127.0.0.1:80"))).service.empty());
  };
  EXPECT_GE(CancelEverywhere().run(scenario), 2u);
}

TEST(CancelEverywhere, AttemptsToConnectByNameAreClosed) {
  const auto scenario = []() -> Coro<void> {
    co_await with_echo_server([](SocketAddress address) -> Coro<void> {
      const auto stream = co_await open_connection("localhost", address.port(), default_stream_limit,
                                                   {.happy_eyeballs_delay = 250ms});
      stream.writer->close();
      static_cast<void>(co_await settled(stream.writer->wait_closed()));
    });
  };
  EXPECT_GE(CancelEverywhere().run(scenario), 2u);
}

TEST(CancelEverywhere, FilesStopBeingSent) {
  std::array<char, 32> name{"/tmp/evloop-sendfile-XXXXXX"};
  const UniqueFd file(::mkstemp(name.data()));
  ::unlink(name.data());
  const std::string content(200'000, 'f');
  ASSERT_EQ(::write(file.get(), content.data(), content.size()), 200'000);
  const auto scenario = [&]() -> Coro<void> {
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
  };
  EXPECT_GE(CancelEverywhere().run(scenario), 2u);
}

TEST(CancelEverywhere, ChildrenAreEndedAndReaped) {
  const auto scenario = []() -> Coro<void> {
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
  };
  EXPECT_GE(CancelEverywhere().run(scenario), 2u);
}

}  // namespace
}  // namespace evloop
