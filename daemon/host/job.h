#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "host/host_error.h"

namespace evloop {
class EventLoop;
template <class T>
class Coro;
}  // namespace evloop

namespace evloopd::host {

// A job that RunUntilComplete runs on a loop: a kind and its options, as text.
struct JobSpec {
  std::string kind;                            // "sleep", "probe.tcp"
  std::map<std::string, std::string> options;  // {"duration": "1s"}, {"address": "127.0.0.1:80", "timeout": "2s"}
};

// Makes the job's coroutine on the loop's thread. Its value is the answer, as text.
using JobStart = std::function<evloop::Coro<std::string>(evloop::EventLoop&)>;

// The kinds of jobs that the daemon knows. Immutable once the host runs; any thread.
class JobCatalogue {
 public:
  // Checks the options; a bad one is BAD_ARGUMENT with field, allowed and given.
  using Maker = std::function<HostResult<JobStart>(const std::map<std::string, std::string>& options)>;

  void add(std::string kind, Maker maker);
  [[nodiscard]] HostResult<JobStart> make(const JobSpec& spec) const;
  [[nodiscard]] std::vector<std::string> kinds() const;

 private:
  std::map<std::string, Maker, std::less<>> makers_;
};

}  // namespace evloopd::host
