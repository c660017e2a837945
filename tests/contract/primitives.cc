#include "contract/primitives.h"

namespace evloop::contract {
namespace {

template <class Made, class... Arguments>
std::unique_ptr<Made> make(const Arguments&... arguments) {
  return std::make_unique<Made>(arguments...);
}

Primitives::Any make_queue(const Json& spec) {
  const auto kind = spec.value("kind", std::string("fifo"));
  const auto maxsize = spec.value("maxsize", std::ptrdiff_t{0});
  if (kind == "lifo") return make<LifoQueue<Value>>(maxsize);
  if (kind == "priority") return make<PriorityQueue<Value>>(maxsize);
  return make<Queue<Value>>(maxsize);
}

Primitives::Any make_semaphore(const Json& spec) {
  const auto value = spec.at("value").get<std::int64_t>();
  if (spec.value("bounded", false)) return make<BoundedSemaphore>(value);
  return make<Semaphore>(value);
}

struct State {
  std::string operator()(const Event& event) const { return event.is_set() ? "set" : "unset"; }
  std::string operator()(const QueueBase& queue) const { return "size=" + std::to_string(queue.qsize()); }
  std::string operator()(const Barrier& barrier) const {
    return (barrier.broken() ? "broken waiting=" : "intact waiting=") + std::to_string(barrier.n_waiting());
  }
  template <class Lockable>
    requires requires(const Lockable& lockable) { lockable.locked(); }
  std::string operator()(const Lockable& lockable) const {
    return lockable.locked() ? "locked" : "unlocked";
  }
};

}  // namespace

Primitives::Primitives(const Json& declared) {
  const auto section = [&](const char* name) { return declared.value(name, Json()); };
  for (const auto& id : section("locks")) all_.emplace(id, make<Lock>());
  for (const auto& id : section("events")) all_.emplace(id, make<Event>());
  for (const auto& id : section("conditions")) all_.emplace(id, make<Condition>());
  for (const auto& [id, spec] : section("semaphores").items()) all_.emplace(id, make_semaphore(spec));
  for (const auto& [id, parties] : section("barriers").items())
    all_.emplace(id, make<Barrier>(parties.get<std::int64_t>()));
  for (const auto& [id, spec] : section("queues").items()) all_.emplace(id, make_queue(spec));
}

std::vector<std::string> Primitives::states() const {
  std::vector<std::string> lines;
  for (const auto& [id, one] : all_)
    lines.push_back(id + " " + std::visit([](const auto& primitive) { return State()(*primitive); }, one));
  return lines;
}

}  // namespace evloop::contract
