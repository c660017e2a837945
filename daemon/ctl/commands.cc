#include "ctl/commands.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

#include "ctl/faults.h"
#include "ctl/format.h"
#include "ctl/views.h"
#include "evloopd/control/v1/inspection_service.pb.h"

namespace evloopd::ctl {
namespace {

// The API's own JSON, with the names of the .proto files; fields that are zero are there too.
std::string to_json(const google::protobuf::Message& message, bool in_lines = true) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = in_lines;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  // It ends with a newline of its own.
  return status.ok() ? json : ctl::to_json(CallError{"INTERNAL", "", std::string(status.message()), {}}) + '\n';
}

std::string_view outcome_word(v1::ApplyOutcome outcome) {
  switch (outcome) {
    case v1::APPLY_OUTCOME_VALID: return "is valid";
    case v1::APPLY_OUTCOME_CREATED: return "created";
    case v1::APPLY_OUTCOME_UNCHANGED: return "unchanged";
    case v1::APPLY_OUTCOME_UPDATED: return "updated";
    case v1::APPLY_OUTCOME_REPLACED: return "replaced; the connections it had come to their end";
    default: return "applied";
  }
}

// What keeps a drain that has ended from being one that was done; no code if it was.
CallError drain_error(const v1::DrainProgress& last) {
  const auto what = [&]() -> std::string {
    switch (last.outcome()) {
      case v1::DRAIN_OUTCOME_DRAINED:
      case v1::DRAIN_OUTCOME_TIMEOUT: return {};
      case v1::DRAIN_OUTCOME_STOPPED: return "was stopped first and keeps its connections";
      case v1::DRAIN_OUTCOME_STARTED: return "was started and runs";
      default: return "ended its drain without a word";
    }
  }();
  if (what.empty()) return {};
  return {.code = "ABORTED",
          .reason = {},
          .message = fmt::format("loop {} {}", short_name(last.name()), what),
          .metadata = {}};
}

template <class Item>
void move_into(google::protobuf::RepeatedPtrField<Item>& field, std::vector<Item> items) {
  field.Add(std::make_move_iterator(items.begin()), std::make_move_iterator(items.end()));
}

}  // namespace

Commands::Commands(Client& client, Format format, bool color, std::ostream& out, std::ostream& err)
    : client_(client), format_(format), color_(color), out_(out), err_(err) {}

ExitCode Commands::list_loops() {
  auto loops = client_.loops();
  if (!loops) return fail("ls", loops.error());
  if (format_ != Format::json) {
    print_loops(*loops);
    return ExitCode::ok;
  }
  v1::ListLoopsResponse all;
  move_into(*all.mutable_loops(), std::move(*loops));
  out_ << to_json(all);
  return ExitCode::ok;
}

template <class Item, class All>
ExitCode Commands::describe_each(const std::vector<std::string>& names, Answer<Item> (Client::*get)(const std::string&),
                                 google::protobuf::RepeatedPtrField<Item>* (All::*items)()) {
  All all;
  std::vector<CallError> errors;
  bool first = true;
  for (const auto& name : names) {
    auto item = (client_.*get)(name);
    if (!item) {
      fail("describe " + name, item.error(), name);
      errors.push_back(item.error());
      continue;
    }
    if (format_ == Format::name)
      out_ << item->name() << '\n';
    else if (format_ != Format::json)
      out_ << (std::exchange(first, false) ? "" : "\n") << ctl::describe(*item);
    else if (names.size() == 1)
      out_ << to_json(*item);
    else
      *(all.*items)()->Add() = std::move(*item);
  }
  if (format_ == Format::json && names.size() > 1) out_ << to_json(all);
  return overall(errors, names.size());
}

ExitCode Commands::describe(const std::vector<std::string>& names) {
  const auto workloads = std::ranges::count_if(names, [](const auto& name) { return name.starts_with("workloads/"); });
  if (workloads == 0) return describe_each(names, &Client::loop, &v1::ListLoopsResponse::mutable_loops);
  if (static_cast<std::size_t>(workloads) == names.size())
    return describe_each(names, &Client::workload, &v1::ListWorkloadsResponse::mutable_workloads);
  return fail(
      "describe",
      {.code = "INVALID_ARGUMENT", .reason = {}, .message = "loops or workloads, not both at once", .metadata = {}});
}

ExitCode Commands::list_tasks(const std::vector<std::string>& loops) {
  auto names = loops;
  if (names.empty()) {
    const auto all = client_.loops();
    if (!all) return fail("ps", all.error());
    for (const auto& loop : *all) names.push_back(short_name(loop.name()));
  }
  std::vector<LoopTask> tasks;
  std::vector<CallError> errors;
  for (const auto& name : names) {
    auto answer = client_.tasks(name);
    if (!answer) {
      // Nobody named it, so it may well have been removed since it was listed.
      if (loops.empty() && answer.error().code == "NOT_FOUND") continue;
      fail("ps " + name, answer.error(), name);
      errors.push_back(answer.error());
      continue;
    }
    for (auto& task : *answer) tasks.push_back({short_name(name), std::move(task)});
  }
  if (format_ == Format::json) {
    v1::ListTasksResponse all;
    for (auto& [loop, task] : tasks) *all.add_tasks() = std::move(task);
    out_ << to_json(all);
  } else if (format_ == Format::name) {
    for (const auto& [loop, task] : tasks) out_ << task.name() << '\n';
  } else {
    out_ << tasks_table(tasks, format_ == Format::wide).text(color_);
  }
  return overall(errors, names.size());
}

ExitCode Commands::list_workloads() {
  auto workloads = client_.workloads();
  if (!workloads) return fail("workloads", workloads.error());
  if (format_ == Format::json) {
    v1::ListWorkloadsResponse all;
    move_into(*all.mutable_workloads(), std::move(*workloads));
    out_ << to_json(all);
  } else if (format_ == Format::name) {
    for (const auto& workload : *workloads) out_ << workload.name() << '\n';
  } else {
    out_ << workloads_table(*workloads, format_ == Format::wide).text(color_);
  }
  return ExitCode::ok;
}

ExitCode Commands::list_upstreams(const std::string& workload) {
  return show_upstreams("upstreams " + workload, client_.workload(workload));
}

ExitCode Commands::set_upstreams(const std::string& workload, const std::vector<v1::UpstreamTarget>& list) {
  return show_upstreams(fmt::format("upstreams {} set", workload), client_.set_upstreams(workload, list));
}

ExitCode Commands::list_faults(const std::string& workload) {
  return show_faults("faults " + workload, client_.workload(workload));
}

ExitCode Commands::set_faults(const std::string& workload, const v1::SetFaultsRequest& request) {
  return show_faults("faults " + workload, client_.set_faults(workload, request));
}

ExitCode Commands::show_faults(const std::string& what, const Answer<v1::Workload>& workload) {
  if (!workload) return fail(what, workload.error());
  if (!workload->has_faults())
    return fail(what, {.code = "FAILED_PRECONDITION",
                       .reason = {},
                       .message = fmt::format("workload {} is a {}, which cannot have faults",
                                              short_name(workload->name()), workload->kind()),
                       .metadata = {}});
  if (format_ == Format::json)
    out_ << to_json(workload->faults());
  else if (format_ == Format::name)
    out_ << workload->name() << '\n';
  else
    for (const auto& line : fault_lines(*workload)) out_ << line << '\n';
  return ExitCode::ok;
}

ExitCode Commands::show_upstreams(const std::string& what, const Answer<v1::Workload>& workload) {
  if (!workload) return fail(what, workload.error());
  if (!workload->has_upstreams())
    return fail(what, {.code = "FAILED_PRECONDITION",
                       .reason = {},
                       .message = fmt::format("workload {} is a {}, which has no upstreams",
                                              short_name(workload->name()), workload->kind()),
                       .metadata = {}});
  if (format_ == Format::json)
    out_ << to_json(workload->upstreams());
  else if (format_ == Format::name)
    for (const auto& upstream : workload->upstreams().upstreams()) out_ << upstream.name() << '\n';
  else
    out_ << upstreams_table(*workload, format_ == Format::wide).text(color_);
  return ExitCode::ok;
}

ExitCode Commands::status() {
  const auto daemon = client_.daemon();
  if (!daemon) return fail("status", daemon.error());
  if (format_ == Format::json) {
    out_ << to_json(*daemon);
    return ExitCode::ok;
  }
  if (format_ == Format::name) {
    out_ << daemon->name() << '\n';
    return ExitCode::ok;
  }
  const auto loops = client_.loops();
  if (!loops) return fail("status", loops.error());
  out_ << ctl::describe(*daemon, *loops);
  return ExitCode::ok;
}

ExitCode Commands::health(const std::string& loop) {
  const auto serving = client_.is_serving(loop);
  if (!serving) return fail("health", serving.error(), loop);
  const auto* word = *serving ? "SERVING" : "NOT_SERVING";
  if (format_ == Format::json)
    out_ << nlohmann::json{{"status", word}}.dump(2) << '\n';
  else
    out_ << word << '\n';
  // 1 and nothing else: it is what container engines take for "unhealthy".
  return *serving ? ExitCode::ok : ExitCode::other;
}

ExitCode Commands::version() {
  const auto daemon = client_.daemon();
  if (format_ == Format::json) {
    nlohmann::ordered_json json{{"evloopctl", EVLOOPD_VERSION}};
    if (daemon) json["evloopd"] = daemon->version();
    out_ << json.dump(2) << '\n';
  } else {
    out_ << "evloopctl " EVLOOPD_VERSION "\n" << "evloopd   " << (daemon ? daemon->version() : "not reached") << '\n';
  }
  return ExitCode::ok;  // its own version is known without the daemon
}

ExitCode Commands::create(const std::string& name, const std::map<std::string, std::string>& labels,
                          v1::SelectorKind selector) {
  return for_each("create", {name}, [&](const auto& loop) { return client_.create(loop, labels, selector); });
}

ExitCode Commands::start(const std::vector<std::string>& names) {
  return for_each("start", names, [&](const auto& name) { return client_.start(name); });
}

ExitCode Commands::stop(const std::vector<std::string>& names) {
  return for_each("stop", names, [&](const auto& name) { return client_.stop(name); });
}

template <class Progress>
void Commands::tell(const Progress& progress, bool live, bool last) {
  const bool as_text = format_ == Format::table || format_ == Format::wide;
  if (format_ == Format::json)
    out_ << to_json(progress, false) << std::endl;
  else if (as_text && (live || last))
    out_ << drain_line(progress) << std::endl;
}

ExitCode Commands::drain(const std::vector<std::string>& names, bool live,
                         std::optional<std::chrono::nanoseconds> limit) {
  std::vector<CallError> errors;
  const auto add = [&](const std::string& name, CallError error) {
    if (error.code.empty()) return;
    fail("drain " + name, error, name);
    errors.push_back(std::move(error));
  };
  for (const auto& name : names) {
    if (name.starts_with("workloads/")) {
      const auto last = client_.drain_workload(name, limit, [&](const v1::WorkloadDrainProgress& progress) {
        tell(progress, live, progress.outcome() != v1::WORKLOAD_DRAIN_OUTCOME_UNSPECIFIED);
      });
      add(name, last ? CallError{} : last.error());
      if (last && format_ == Format::name) out_ << last->name() << '\n';
    } else {
      const auto last = client_.drain(name, [&](const v1::DrainProgress& progress) {
        tell(progress, live, progress.outcome() != v1::DRAIN_OUTCOME_UNSPECIFIED);
      });
      const auto error = last ? drain_error(*last) : last.error();
      add(name, error);
      if (error.code.empty() && format_ == Format::name) out_ << last->name() << '\n';
    }
  }
  return overall(errors, names.size());
}

ExitCode Commands::replace(const std::string& name, bool force) {
  const auto done = client_.replace(name, force);
  if (!done) return fail("replace " + name, done.error(), name);
  if (format_ == Format::json)
    out_ << to_json(*done);
  else
    print_loops({done->loop(), done->replaced()});
  return ExitCode::ok;
}

ExitCode Commands::close(const std::vector<std::string>& names, v1::CloseMode mode) {
  return for_each("close", names, [&](const auto& name) { return client_.close(name, mode); });
}

ExitCode Commands::remove(const std::vector<std::string>& names) {
  std::vector<CallError> errors;
  for (const auto& name : names) {
    const bool workload = name.starts_with("workloads/");
    const auto answer = workload ? client_.remove_workload(name) : client_.remove(name);
    if (answer) {
      if (format_ != Format::json) out_ << (workload ? "workloads/" : "loops/") << short_name(name) << " removed\n";
      continue;
    }
    fail("rm " + name, answer.error(), name);
    errors.push_back(answer.error());
  }
  return overall(errors, names.size());
}

ExitCode Commands::apply(const std::string& spec, bool validate_only) {
  const auto applied = client_.apply(spec, validate_only);
  if (!applied) return fail("apply", applied.error());
  if (format_ == Format::json) {
    out_ << to_json(*applied);
    return ExitCode::ok;
  }
  for (const auto& result : applied->results()) {
    out_ << result.name();
    if (format_ != Format::name) out_ << ' ' << outcome_word(result.outcome());
    out_ << '\n';
  }
  return ExitCode::ok;
}

ExitCode Commands::run(const std::string& loop, const v1::Job& job) {
  const auto result = client_.run(loop, job);
  if (!result) return fail(fmt::format("run {} {}", loop, job.kind()), result.error(), loop);
  if (format_ == Format::json) {
    v1::RunUntilCompleteResponse response;
    response.set_result(*result);
    out_ << to_json(response);
  } else {
    out_ << *result << '\n';
  }
  return ExitCode::ok;
}

ExitCode Commands::for_each(const std::string& verb, const std::vector<std::string>& names, const LoopCall& call) {
  std::vector<v1::Loop> done;
  std::vector<CallError> errors;
  for (const auto& name : names) {
    auto loop = call(name);
    if (loop) {
      done.push_back(std::move(*loop));
    } else {
      fail(verb + " " + name, loop.error(), name);
      errors.push_back(loop.error());
    }
  }
  if (format_ == Format::json && names.size() == 1) {
    for (const auto& loop : done) out_ << to_json(loop);
  } else if (format_ == Format::json) {
    v1::ListLoopsResponse all;
    move_into(*all.mutable_loops(), std::move(done));
    out_ << to_json(all);
  } else if (!done.empty()) {
    print_loops(done);
  }
  return overall(errors, names.size());
}

// What all failures have in common, "partly" if something was done.
ExitCode Commands::overall(const std::vector<CallError>& errors, std::size_t calls) const {
  if (errors.empty()) return ExitCode::ok;
  if (errors.size() < calls) return ExitCode::partly;
  const auto first = exit_code(errors.front());
  const bool same = std::ranges::all_of(errors, [&](const auto& error) { return exit_code(error) == first; });
  return same ? first : ExitCode::other;
}

ExitCode Commands::fail(const std::string& what, const CallError& error, const std::string& loop) {
  if (format_ == Format::json) {
    err_ << ctl::to_json(error) << '\n';
  } else {
    const auto& why = error.reason.empty() ? error.code : error.reason;
    err_ << fmt::format("evloopctl: {}: {} ({})\n", printable(what), printable(error.message), why);
    if (const auto advice = hint(error, short_name(loop)); !advice.empty()) err_ << "  hint: " << advice << '\n';
  }
  return exit_code(error);
}

void Commands::print_loops(const std::vector<v1::Loop>& loops) {
  if (format_ == Format::name)
    for (const auto& loop : loops) out_ << loop.name() << '\n';
  else
    out_ << loops_table(loops, format_ == Format::wide).text(color_);
}

}  // namespace evloopd::ctl
