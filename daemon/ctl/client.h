#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ctl/call_error.h"
#include "evloopd/control/v1/daemon_service.pb.h"
#include "evloopd/control/v1/loop_service.pb.h"
#include "evloopd/control/v1/task.pb.h"
#include "evloopd/control/v1/workload_service.pb.h"

namespace evloopd::ctl {

namespace v1 = ::evloopd::control::v1;

// The daemon's API with plain names ("io-0") in and messages out. Each method is one call, or one for each page, and is
// done with by the timeout. One thread.
class Client {
 public:
  using Told = std::function<void(const v1::DrainProgress&)>;
  using WorkloadTold = std::function<void(const v1::WorkloadDrainProgress&)>;

  Client(std::string target, std::chrono::nanoseconds timeout);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  Answer<std::vector<v1::Loop>> loops();
  Answer<v1::Loop> loop(const std::string& name);
  Answer<v1::Loop> create(const std::string& name, const std::map<std::string, std::string>& labels,
                          v1::SelectorKind selector);
  Answer<v1::Loop> start(const std::string& name);
  Answer<v1::Loop> stop(const std::string& name);
  // Calls `told` with each message, and answers the last.
  Answer<v1::DrainProgress> drain(const std::string& name, const Told& told);
  Answer<v1::ReplaceLoopResponse> replace(const std::string& name, bool force);
  Answer<v1::Loop> close(const std::string& name, v1::CloseMode mode);
  Answer<void> remove(const std::string& name);
  Answer<std::string> run(const std::string& name, const v1::Job& job);

  Answer<std::vector<v1::Task>> tasks(const std::string& loop);
  Answer<std::vector<v1::Workload>> workloads();
  Answer<v1::Workload> workload(const std::string& name);
  Answer<v1::ApplyWorkloadResponse> apply(const std::string& spec, bool validate_only);
  // Calls `told` with each message, and answers the last. With `limit` what is left by then is cut.
  Answer<v1::WorkloadDrainProgress> drain_workload(const std::string& name,
                                                   std::optional<std::chrono::nanoseconds> limit,
                                                   const WorkloadTold& told);
  Answer<void> remove_workload(const std::string& name);
  Answer<v1::Workload> set_upstreams(const std::string& name, const std::vector<v1::UpstreamTarget>& list);
  // The request as it is, but for the name, which may be short.
  Answer<v1::Workload> set_faults(const std::string& name, v1::SetFaultsRequest request);
  Answer<v1::Daemon> daemon();

  // Standard health; an empty loop name asks for the daemon.
  Answer<bool> is_serving(const std::string& loop);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evloopd::ctl
