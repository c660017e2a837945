#include "aio/ready_queue.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <vector>

namespace evloop {
namespace {

class Work final : public Runnable {
 public:
  Work() : Runnable(WorkKind::callback, {}) {}
  void run() override {}
  void drop() noexcept override {}
};

TEST(ReadyQueue, IsFirstInFirstOutAlsoWhenItGrowsAroundItsEnd) {
  std::vector<Work> work(1000);
  ReadyQueue queue;
  std::deque<Runnable*> expected;
  std::size_t next = 0;
  while (next < work.size()) {
    for (int i = 0; i < 7 && next < work.size(); ++i) {
      queue.push(&work[next]);
      expected.push_back(&work[next++]);
    }
    for (int i = 0; i < 5 && !expected.empty(); ++i) {
      ASSERT_EQ(queue.pop(), expected.front());
      expected.pop_front();
    }
    ASSERT_EQ(queue.size(), expected.size());
  }
  while (!queue.empty()) {
    ASSERT_EQ(queue.pop(), expected.front());
    expected.pop_front();
  }
  EXPECT_TRUE(expected.empty());
}

}  // namespace
}  // namespace evloop
