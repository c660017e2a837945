#pragma once

#include <chrono>
#include <functional>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ctl/call_error.h"
#include "ctl/client.h"

namespace evloopd::ctl {

enum class Format { table, wide, json, name };

// What evloopctl does, one method for each command: calls the daemon, writes the answer to `out` and trouble to `err`,
// and answers the exit status. One thread.
class Commands {
 public:
  // The client and the streams must outlive it.
  Commands(Client& client, Format format, bool color, std::ostream& out, std::ostream& err);

  ExitCode list_loops();
  ExitCode describe(const std::vector<std::string>& names);    // loops, or workloads ("workloads/web")
  ExitCode list_tasks(const std::vector<std::string>& loops);  // none: of all loops
  ExitCode list_workloads();
  ExitCode list_upstreams(const std::string& workload);
  ExitCode list_faults(const std::string& workload);
  ExitCode status();
  ExitCode health(const std::string& loop);  // empty: the daemon
  ExitCode version();

  ExitCode create(const std::string& name, const std::map<std::string, std::string>& labels, v1::SelectorKind selector);
  ExitCode start(const std::vector<std::string>& names);
  ExitCode stop(const std::vector<std::string>& names);
  // Loops, or workloads ("workloads/web"), one after the other. live: say how it goes. Of a workload what is left by
  // `limit` is cut; of a loop what is left by the client's timeout.
  ExitCode drain(const std::vector<std::string>& names, bool live, std::optional<std::chrono::nanoseconds> limit = {});
  ExitCode replace(const std::string& name, bool force);
  ExitCode close(const std::vector<std::string>& names, v1::CloseMode mode);
  ExitCode set_upstreams(const std::string& workload, const std::vector<v1::UpstreamTarget>& list);
  ExitCode set_faults(const std::string& workload, const v1::SetFaultsRequest& request);
  ExitCode remove(const std::vector<std::string>& names);  // loops, or workloads ("workloads/web")
  ExitCode apply(const std::string& spec, bool validate_only);
  ExitCode run(const std::string& loop, const v1::Job& job);

 private:
  template <class Item, class All>
  ExitCode describe_each(const std::vector<std::string>& names, Answer<Item> (Client::*get)(const std::string&),
                         google::protobuf::RepeatedPtrField<Item>* (All::*items)());
  ExitCode show_upstreams(const std::string& what, const Answer<v1::Workload>& workload);
  ExitCode show_faults(const std::string& what, const Answer<v1::Workload>& workload);

  // Prints a message of a drain, as the format asks.
  template <class Progress>
  void tell(const Progress& progress, bool live, bool last);

  using LoopCall = std::function<Answer<v1::Loop>(const std::string& name)>;

  // Does the same to each loop. One failure does not keep the others from being done.
  ExitCode for_each(const std::string& verb, const std::vector<std::string>& names, const LoopCall& call);
  ExitCode overall(const std::vector<CallError>& errors, std::size_t calls) const;
  ExitCode fail(const std::string& what, const CallError& error, const std::string& loop = {});
  void print_loops(const std::vector<v1::Loop>& loops);

  Client& client_;
  const Format format_;
  const bool color_;
  std::ostream& out_;
  std::ostream& err_;
};

}  // namespace evloopd::ctl
