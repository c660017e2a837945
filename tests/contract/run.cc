#include "contract/run.h"

#include <algorithm>

#include "aio/gather.h"
#include "aio/settled.h"
#include "base/log.h"
#include "contract/exceptions.h"
#include "contract/machine.h"
#include "contract/virtual_time.h"

namespace evloop::contract {
namespace {

// Every step and every activation burns one unit.
constexpr int all_fuel = 4000;

// Whose trace the library's warnings go to.
Run* current_run = nullptr;

void trace_warning(LogLevel, std::string_view message) {
  if (current_run && message.contains("was scheduled after loop.shutdown_asyncgens()"))
    current_run->emit("loop", "warning asyncgen-after-shutdown");
}

// Reported when an object is destroyed, hence at no defined moment.
bool is_destruction_report(const ErrorContext& context) {
  return context.message.ends_with("was never retrieved") ||
         context.message.contains("was destroyed but it is pending");
}

// The loop's own messages name callbacks, generators and tasks: only their kind is comparable.
std::string message_text(const std::string& message) {
  if (message.starts_with("Exception in callback ")) return "exception-in-callback";
  if (message.starts_with("an error occurred during closing of asynchronous generator"))
    return "error-closing-asyncgen";
  if (message == "Unhandled error in exception handler") return "error-in-exception-handler";
  if (message.contains("has errored out but its parent task")) return "task-group-parent-done";
  return json_text(message);
}

}  // namespace

Run::Run(const Program& program, MakeSelector make_selector)
    : program_(program),
      fuel_(all_fuel),
      executor_(std::make_shared<GateExecutor>(gate_)),
      primitives_(program.declared),
      endpoints_(program.declared),
      loop_(make_loop(make_selector)) {
  current_run = this;
  set_log_sink(trace_warning);
  for (const auto& id : program.declared.value("futures", Json()))
    objects_.bind(id.get<std::string>(), loop_->create_future<Value>());
}

// The program's own objects go before the loop; what is left of its coroutines goes with the loop.
Run::~Run() {
  sealed_ = true;
  objects_.clear();
  loop_.reset();
  set_log_sink(nullptr);
  current_run = nullptr;
}

std::unique_ptr<EventLoop> Run::make_loop(MakeSelector make_selector) {
  auto made = std::make_unique<EventLoop>(EventLoop::Options{
      .selector = std::make_unique<VirtualTimeSelector>(*this, make_selector()),
      .clock = &clock_,
      .default_exception_handler =
          [this](EventLoop&, const ErrorContext& context) {
            if (!is_destruction_report(context)) report("loop", "default_handler", context);
          },
  });
  made->set_default_executor(executor_);
  return made;
}

std::string Run::execute() {
  try {
    static_cast<void>(run_steps("main", program_.main));
    emit("main", "end");
  } catch (...) {
    emit("main", "end ! " + exception_text(std::current_exception()));
  }
  print_final_states();
  return std::move(trace_);
}

// --- trace ---

void Run::emit(const std::string& label, const std::string& text) {
  if (sealed_) return;
  trace_ += seconds_text(clock_.now()) + (loop_->is_running() ? " R" : " -") + (loop_->is_closed() ? "C " : "- ") +
            label + " " + text + "\n";
}

bool Run::burn() {
  if (sealed_) return false;
  if (fuel_-- > 0) return true;
  emit("loop", "out-of-fuel");
  sealed_ = true;
  return false;
}

void Run::report(const std::string& label, const char* verb, const ErrorContext& context) {
  const auto error = context.exception ? exception_text(context.exception) : "-";
  emit(label,
       std::string(verb) + " " + message_text(context.message) + " {" + error + "} keys=" + join(context.keys()));
}

std::string Run::state_text(const Future<Value>& future) const {
  if (!future.done()) return "pending";
  if (future.cancelled()) return "cancelled";
  if (const auto error = future.exception()) return "exception " + exception_text(error);
  return "result " + future.result().text();
}

void Run::print_final_states() {
  for (const auto& [id, future] : objects_.futures) {
    auto text = id + " " + state_text(future);
    if (const auto* task = future.state()->as_task(); task && task->cancelling() > 0)
      text += " cancelling=" + std::to_string(task->cancelling());
    emit("final", text);
  }
  for (const auto& state : primitives_.states()) emit("final", state);
}

// --- bodies ---

Value Run::run_steps(const std::string& label, const Steps& steps) {
  Machine machine(*this, label, steps);
  static_cast<void>(machine.advance());
  if (machine.error()) std::rethrow_exception(machine.error());
  return machine.result();
}

void Run::call(const std::string& callback, const std::optional<std::string>& argument) {
  if (!burn()) return;
  emit(callback, argument ? "call " + *argument : "call");
  static_cast<void>(run_steps(callback, program_.callbacks.at(callback)));
}

void Run::handle(const std::string& handler, const ErrorContext& context) {
  if (is_destruction_report(context) || !burn()) return;
  report(handler, "handle", context);
  static_cast<void>(run_steps(handler, program_.handlers.at(handler)));
}

Value Run::run_job(const std::string& job) {
  if (!burn()) return {};
  emit(job, "start");
  Machine machine(*this, job, program_.jobs.at(job));
  static_cast<void>(machine.advance());
  return finish(machine);
}

void Run::run_job_alone(const std::string& job) noexcept {
  try {
    static_cast<void>(run_job(job));
  } catch (...) {
    // Nobody takes the outcome; the trace has it.
  }
}

Value Run::finish(const Machine& machine) {
  if (const auto& error = machine.error()) {
    emit(machine.label(), "end ! " + exception_text(error));
    std::rethrow_exception(error);
  }
  emit(machine.label(), "end = " + machine.result().text());
  return machine.result();
}

Coro<Value> Run::make_coroutine(const std::string& name, const std::string& label) {
  CoroutineName named(objects_.coroutine_names(), label);
  const auto slot = named.slot();
  auto made = run_coroutine(std::move(named), program_.coroutines.at(name));
  *slot = made.frame().address();
  objects_.coroutine_names()[*slot] = label;
  return made;
}

Coro<Value> Run::run_coroutine(CoroutineName name, const Steps& steps) {
  if (!burn()) co_return Value();
  emit(name.label(), "start");
  Machine machine(*this, name.label(), steps);
  for (auto request = machine.advance(); request.kind != Machine::Request::Kind::finished;
       request = machine.advance()) {
    const auto ended = co_await settled(std::move(request.work));
    if (!ended) machine.raise(ended.error());
  }
  co_return finish(machine);
}

AsyncGenerator<Value, Value> Run::make_generator(const std::string& name, const std::string& label) {
  return run_generator(label, program_.generators.at(name));
}

AsyncGenerator<Value, Value> Run::run_generator(std::string label, const Steps& steps) {
  emit(label, "start");
  Machine machine(*this, label, steps);
  for (auto request = machine.advance(); request.kind != Machine::Request::Kind::finished;
       request = machine.advance()) {
    if (request.kind == Machine::Request::Kind::await) {
      const auto ended = co_await settled(std::move(request.work));
      if (!ended) machine.raise(ended.error());
      continue;
    }
    try {
      const auto sent = co_yield request.value;
      machine.sent(sent);
    } catch (...) {
      machine.thrown(std::current_exception());
    }
  }
  if (const auto& error = machine.error()) {
    emit(label, "end ! " + exception_text(error));
    std::rethrow_exception(error);
  }
  emit(label, "end");
}

// --- steps ---

void Run::do_sync(const std::string& label, const Step& step) {
  if (const auto text = obstacle(step); !text.empty()) return emit(label, step.headline() + " " + text);
  if (step.operation().is_long) emit(label, step.headline() + " ...");
  try {
    const auto result = std::get<SyncCall>(step.operation().call)(*this, step);
    emit(label, result ? step.headline() + " = " + *result : step.headline());
  } catch (...) {
    emit(label, step.headline() + " ! " + exception_text(std::current_exception()));
    if (step.propagates()) throw;
  }
}

std::string Run::obstacle(const Step& step) const {
  if (step.has("sock") && endpoints_.fd(step.text("sock")) < 0) return "closed";
  const auto is_absent = [&](const Field& field) {
    if (field.name == "as" || !step.has(field.name)) return false;
    const auto& member = step.member(field.name);
    if (field.type == "targets" || field.type == "awaitables")
      return std::ranges::none_of(member, [this](const Json& one) { return is_known(one.get<std::string>()); });
    if (!member.is_string()) return false;
    const auto id = member.get<std::string>();
    if (field.type == "awaitable" || field.type == "target") return !is_known(id);
    if (field.type == "handle") return !objects_.handles.contains(id);
    if (field.type == "agen") return !objects_.generators.contains(id);
    if (field.type == "timeout") return !objects_.timeouts.contains(id);
    if (field.type == "group") return !objects_.groups.contains(id);
    return false;
  };
  return std::ranges::any_of(step.fields(), is_absent) ? "unbound" : "";
}

bool Run::is_known(const std::string& target) const {
  return is_coroutine_target(target) || objects_.futures.contains(target);
}

Run::Target Run::target(const std::string& target) {
  if (target == "loop.shutdown_asyncgens()") return shutdown_asyncgens();
  if (target == "loop.shutdown_default_executor()") return shutdown_default_executor();
  if (is_coroutine_target(target)) return make_coroutine(target.substr(0, target.size() - 2), target);
  return objects_.futures.at(target);
}

std::vector<Future<Value>> Run::futures(const std::vector<std::string>& targets) {
  std::vector<Future<Value>> all;
  for (const auto& one : targets) {
    if (!is_known(one)) continue;
    all.push_back(std::visit([](auto&& known) { return Future<Value>(ensure_future(std::move(known))); }, target(one)));
    objects_.keep(all.back());
  }
  return all;
}

Coro<Value> Run::shutdown_asyncgens() {
  co_await loop_->shutdown_asyncgens();
  co_return Value();
}

Coro<Value> Run::shutdown_default_executor() {
  executor_->hold_shutdown();
  co_await loop_->shutdown_default_executor();
  co_return Value();
}

}  // namespace evloop::contract
