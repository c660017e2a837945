#include "aio/call_graph.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

namespace evloop {
namespace {

using Stack = std::vector<std::source_location>;

// Innermost first. `caller`: of the task that runs now.
Stack stack_of(const TaskBase& task, const std::source_location* caller) {
  Stack stack;
  const auto view = task.record().read();
  if (!view) return stack;
  if (view->steps == 0) return {view->coroutine};
  const auto known = std::min(view->depth, TaskRecord::frames_kept);
  stack.assign(view->frames.begin(), view->frames.begin() + static_cast<std::ptrdiff_t>(known));
  if (caller) stack.back() = *caller;  // it has not awaited yet, or no longer
  std::ranges::reverse(stack);
  return stack;
}

void keep_within(Stack& stack, std::optional<int> limit) {
  if (!limit) return;
  const auto size = static_cast<std::ptrdiff_t>(stack.size());
  if (*limit < 0) {
    stack.resize(static_cast<std::size_t>(std::min<std::ptrdiff_t>(size, -*limit)));
  } else {
    stack.erase(stack.begin(), stack.end() - std::min<std::ptrdiff_t>(size, *limit));
  }
}

class Capture {
 public:
  explicit Capture(std::optional<int> limit) noexcept : limit_(limit) {}

  FutureCallGraph graph(const FutureRef& future, const std::source_location* caller, std::size_t skipped) {
    FutureCallGraph graph{.future = future};
    if (const auto* task = future->as_task()) {
      graph.call_stack = stack_of(*task, caller);
      graph.call_stack.erase(
          graph.call_stack.begin(),
          graph.call_stack.begin() + static_cast<std::ptrdiff_t>(std::min(skipped, graph.call_stack.size())));
      keep_within(graph.call_stack, limit_);
    }
    if (std::ranges::find(way_, future) != way_.end()) return graph;
    way_.push_back(future);
    for (const auto& awaiter : future->awaiters()) graph.awaited_by.push_back(this->graph(awaiter, nullptr, 0));
    way_.pop_back();
    return graph;
  }

 private:
  const std::optional<int> limit_;
  std::vector<FutureRef> way_;  // from the one that was asked for to this one
};

struct Function {
  std::string_view kind;
  std::string name;
};

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
}

// Of what the compiler says, "Coro<int> program::(anonymous namespace)::fetch(std::string)", the name.
Function function_of(const std::source_location& where) {
  std::string text = where.function_name();
  replace_all(text, "(anonymous namespace)::", "");
  replace_all(text, "(anonymous class)::operator()", "<lambda>");
  replace_all(text, "operator()", "operator");
  std::size_t begin = 0;
  std::size_t end = text.size();
  int nested = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '(' && nested == 0) {
      end = i;
      break;
    }
    if (text[i] == '<') ++nested;
    if (text[i] == '>') --nested;
    if (text[i] == ' ' && nested == 0) begin = i + 1;
  }
  const bool generator = text.substr(0, begin).find("AsyncGenerator<") != std::string::npos;
  return {generator ? "async generator" : "async", text.substr(begin, end - begin)};
}

std::string address_of(const FutureRef& future) {
  char text[32];
  std::snprintf(text, sizeof text, "%p", static_cast<const void*>(future.get()));
  return text;
}

void render(const FutureCallGraph& graph, std::size_t level, std::string& text) {
  const auto add_line = [&](const std::string& line) {
    if (!text.empty()) text += '\n';
    text.append(4 * level, ' ') += line;
  };
  const auto* task = graph.future->as_task();
  add_line(task ? "* Task(name='" + task->name() + "', id=" + address_of(graph.future) + ")"
                : "* Future(id=" + address_of(graph.future) + ")");
  if (!graph.call_stack.empty()) add_line("  + Call stack:");
  for (const auto& where : graph.call_stack) {
    const auto [kind, name] = function_of(where);
    add_line("  |   File '" + std::string(where.file_name()) + "', line " + std::to_string(where.line()) + ", in " +
             std::string(kind) + " " + name + "()");
  }
  if (!graph.awaited_by.empty()) add_line("  + Awaited by:");
  for (const auto& awaiter : graph.awaited_by) render(awaiter, level + 1, text);
}

// Which tasks wait for which, drawn.
class TaskTrees {
 public:
  explicit TaskTrees(const EventLoop& loop) : tasks_(loop.all_tasks()) {
    for (const auto& task : tasks_)
      for (const auto& awaiter : task->awaiters()) awaited_[awaiter.get()].push_back(task.get());
  }

  [[nodiscard]] std::string draw() {
    for (const auto& task : tasks_) look_for_cycles(*task);
    if (!cycles_.empty()) throw LoopError("ERROR: await-graph contains cycles - cannot print a tree!\n" + cycles_);
    std::string text;
    for (const auto& task : tasks_)
      if (task->awaiters().empty()) draw_task(*task, "", true, text);
    return text;
  }

 private:
  void look_for_cycles(FutureBase& task) {
    const auto met = std::ranges::find(way_, &task);
    if (met != way_.end()) {
      cycles_ += "\ncycle: ";
      for (auto step = met; step != way_.end(); ++step) cycles_ += (*step)->as_task()->name() + " → ";
      cycles_ += task.as_task()->name();
      return;
    }
    if (!seen_.insert(&task).second) return;
    way_.push_back(&task);
    for (auto* awaited : awaited_[&task]) look_for_cycles(*awaited);
    way_.pop_back();
  }

  // One below the other: the task, its coroutines from the outermost on, what the innermost waits for.
  void draw_task(const FutureBase& task, std::string indent, bool last, std::string& text) {
    const auto add_line = [&](const std::string& line, bool ends) {
      text += indent + (ends ? "└── " : "├── ") + line + "\n";
      indent += ends ? "    " : "│   ";
    };
    const auto& base = *const_cast<FutureBase&>(task).as_task();
    add_line("(T) " + base.name(), last);
    auto stack = stack_of(base, nullptr);
    std::ranges::reverse(stack);
    for (const auto& where : stack)
      add_line(" " + function_of(where).name + " " + where.file_name() + ":" + std::to_string(where.line()), true);
    const auto& below = awaited_[&task];
    for (const auto* awaited : below) draw_task(*awaited, indent, awaited == below.back(), text);
  }

  const std::vector<FutureRef> tasks_;
  std::map<const FutureBase*, std::vector<FutureBase*>> awaited_;
  std::set<const FutureBase*> seen_;
  std::vector<FutureBase*> way_;
  std::string cycles_;
};

}  // namespace

std::optional<FutureCallGraph> capture_call_graph(CallGraphOptions options, std::source_location where) {
  const auto* loop = running_loop_or_null();
  if (!loop)
    throw LoopError(
        "capture_call_graph() is called outside of a running event loop and no *future* to introspect was provided");
  const auto* task = loop->current_task();
  if (!task) return std::nullopt;
  return capture_call_graph(FutureRef(&task->future()), options, where);
}

FutureCallGraph capture_call_graph(const FutureRef& future, CallGraphOptions options, std::source_location where) {
  if (!future) throw TypeError("None object does not appear to be compatible with asyncio.Future");
  const auto* loop = running_loop_or_null();
  const bool current = loop && loop->current_task() && loop->current_task() == future->as_task();
  return Capture(options.limit).graph(future, current ? &where : nullptr, current ? options.depth - 1 : 0);
}

std::string format_call_graph(const FutureCallGraph& graph) {
  std::string text;
  render(graph, 0, text);
  return text;
}

std::string format_call_graph(CallGraphOptions options, std::source_location where) {
  const auto graph = capture_call_graph(options, where);
  return graph ? format_call_graph(*graph) : std::string();
}

void print_call_graph(CallGraphOptions options, std::FILE* file, std::source_location where) {
  if (const auto text = format_call_graph(options, where); !text.empty()) std::fprintf(file, "%s\n", text.c_str());
}

std::string format_task_trees(const EventLoop& loop) { return TaskTrees(loop).draw(); }

}  // namespace evloop
