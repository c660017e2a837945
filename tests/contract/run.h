#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "aio/event_loop.h"
#include "base/clock.h"
#include "contract/endpoints.h"
#include "contract/gate.h"
#include "contract/objects.h"
#include "contract/primitives.h"
#include "contract/program.h"

namespace evloop::contract {

class Machine;

// Makes the selector that a loop really has: make_epoll_selector or make_poll_selector.
using MakeSelector = std::unique_ptr<Selector> (*)();

// The execution of one program on a loop of its own, and the trace of it. Loop thread, but for jobs, which run while
// the loop's thread waits for them.
class Run {
 public:
  Run(const Program& program, MakeSelector make_selector);
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  // The trace, one line per event. Once.
  [[nodiscard]] std::string execute();

  // --- trace ---

  void emit(const std::string& label, const std::string& text);
  // Takes one unit of fuel; false once the trace is sealed.
  bool burn();
  // Nothing is printed any more, and steps are skipped.
  [[nodiscard]] bool sealed() const noexcept { return sealed_; }

  // --- parts, for the operations ---

  [[nodiscard]] EventLoop& loop() noexcept { return *loop_; }
  [[nodiscard]] VirtualClock& clock() noexcept { return clock_; }
  [[nodiscard]] Gate& gate() noexcept { return gate_; }
  [[nodiscard]] Objects& objects() noexcept { return objects_; }
  [[nodiscard]] const Primitives& primitives() const noexcept { return primitives_; }
  [[nodiscard]] Endpoints& endpoints() noexcept { return endpoints_; }

  // --- steps ---

  // Traces and executes it; throws only if the step says so.
  void do_sync(const std::string& label, const Step& step);
  // Why a step cannot be tried at all: "unbound", "closed", or nothing.
  [[nodiscard]] std::string obstacle(const Step& step) const;
  // What "call" does: an activation of a callback, with the text of its argument, if any.
  void call(const std::string& callback, const std::optional<std::string>& argument);
  void handle(const std::string& handler, const ErrorContext& context);
  // On the job's thread; the second drops the outcome.
  Value run_job(const std::string& job);
  void run_job_alone(const std::string& job) noexcept;
  [[nodiscard]] Coro<Value> make_coroutine(const std::string& name, const std::string& label);
  [[nodiscard]] AsyncGenerator<Value, Value> make_generator(const std::string& name, const std::string& label);

  // The future of a step's member; of a list, those that are bound, coroutines becoming tasks.
  [[nodiscard]] const Future<Value>& future(const Step& step) const { return objects_.futures.at(step.text("id")); }
  [[nodiscard]] std::vector<Future<Value>> futures(const std::vector<std::string>& targets);
  using Target = std::variant<Future<Value>, Coro<Value>>;
  [[nodiscard]] Target target(const std::string& target);
  [[nodiscard]] std::string state_text(const Future<Value>& future) const;

 private:
  [[nodiscard]] std::unique_ptr<EventLoop> make_loop(MakeSelector make_selector);
  [[nodiscard]] bool is_known(const std::string& target) const;
  void report(const std::string& label, const char* verb, const ErrorContext& context);
  void print_final_states();

  Value run_steps(const std::string& label, const Steps& steps);
  Value finish(const Machine& machine);
  [[nodiscard]] Coro<Value> run_coroutine(CoroutineName name, const Steps& steps);
  [[nodiscard]] AsyncGenerator<Value, Value> run_generator(std::string label, const Steps& steps);
  [[nodiscard]] Coro<Value> shutdown_asyncgens();
  [[nodiscard]] Coro<Value> shutdown_default_executor();

  const Program& program_;
  std::string trace_;
  bool sealed_ = false;
  int fuel_;
  VirtualClock clock_;
  Gate gate_;
  const std::shared_ptr<GateExecutor> executor_;
  const Primitives primitives_;
  Endpoints endpoints_;
  std::unique_ptr<EventLoop> loop_;
  Objects objects_;
};

}  // namespace evloop::contract
