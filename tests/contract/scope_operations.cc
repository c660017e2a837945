// `async with`: timeouts, task groups, locks.

#include "aio/task_group.h"
#include "aio/timeout.h"
#include "contract/run.h"

namespace evloop::contract {
namespace {

class TimeoutBlock final : public Block {
 public:
  explicit TimeoutBlock(std::shared_ptr<Timeout> timeout) : timeout_(std::move(timeout)) {}
  Coro<void> enter() override {
    timeout_->enter();
    co_return;
  }
  Coro<std::exception_ptr> leave(std::exception_ptr error) override {
    const auto replaced = timeout_->exit(error);
    if (replaced != error) std::rethrow_exception(replaced);
    co_return error;
  }

 private:
  const std::shared_ptr<Timeout> timeout_;
};

class GroupBlock final : public Block {
 public:
  explicit GroupBlock(std::shared_ptr<TaskGroup> group) : group_(std::move(group)) {}
  Coro<void> enter() override {
    group_->enter();
    co_return;
  }
  Coro<std::exception_ptr> leave(std::exception_ptr error) override {
    co_await group_->exit(error);
    co_return nullptr;
  }

 private:
  const std::shared_ptr<TaskGroup> group_;
};

// A lock, condition or semaphore.
class LockBlock final : public Block {
 public:
  LockBlock(const Primitives& primitives, std::string id) : primitives_(primitives), id_(std::move(id)) {}
  Coro<void> enter() override {
    return primitives_.with_lockable(id_, [](auto& lockable) { return lockable.acquire(); });
  }
  Coro<std::exception_ptr> leave(std::exception_ptr error) override {
    primitives_.with_lockable(id_, [](auto& lockable) { lockable.release(); });
    co_return error;
  }

 private:
  const Primitives& primitives_;
  const std::string id_;
};

std::unique_ptr<Block> enter_timeout(Run& run, const Step& step) {
  const auto delay = step.seconds("s");
  auto made = std::make_shared<Timeout>(delay ? std::optional(get_running_loop().time() + *delay) : std::nullopt);
  run.objects().timeouts[step.text("as")] = made;
  return std::make_unique<TimeoutBlock>(std::move(made));
}

std::unique_ptr<Block> enter_group(Run& run, const Step& step) {
  auto made = std::make_shared<TaskGroup>();
  run.objects().groups[step.text("as")] = made;
  return std::make_unique<GroupBlock>(std::move(made));
}

std::unique_ptr<Block> enter_lock(Run& run, const Step& step) {
  return std::make_unique<LockBlock>(run.primitives(), step.text("id"));
}

Result reschedule(Run& run, const Step& step) {
  const auto when = step.seconds("when");
  run.objects().timeouts.at(step.text("id"))->reschedule(when ? std::optional(TimePoint(*when)) : std::nullopt);
  return {};
}

Result create_task_in_group(Run& run, const Step& step) {
  const auto id = step.text("as");
  auto& group = *run.objects().groups.at(step.text("group"));
  run.objects().bind(id, group.create_task(run.make_coroutine(step.text("coro"), id)));
  return {};
}

}  // namespace

std::vector<Operation> scope_operations() {
  return {
      {"timeout", "s:seconds_or_null as:timeout body:steps", enter_timeout},
      {"timeout_reschedule", "id:timeout when:seconds_or_null", reschedule},
      {"timeout_expired", "id:timeout",
       [](Run& run, const Step& step) -> Result {
         return text_of(run.objects().timeouts.at(step.text("id"))->expired());
       }},
      {"task_group", "as:group body:steps", enter_group},
      {"group_create_task", "group coro as:awaitable", create_task_in_group},
      {"with", "id:lockable body:steps", enter_lock},
  };
}

}  // namespace evloop::contract
