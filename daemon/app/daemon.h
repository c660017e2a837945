#pragma once

#include <memory>
#include <string>

#include "settings/settings.h"

namespace evloopd::app {

class ProcessSignals;

// The whole daemon, wired: host, workloads, metrics, control. Its members stand in the order in which they start, so
// that they stop in the reverse one. Main thread.
class Daemon {
 public:
  // Starts nothing. `config_path` is only told to who asks; `kinds` are those that may be applied while it runs.
  Daemon(settings::Settings settings, std::string config_path, settings::Kinds kinds);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Binds and starts everything, or throws std::runtime_error or std::system_error that says what failed. Then serves
  // until a signal, and drains; a further signal cuts the draining short. The process's exit status. A loop that
  // does not come to rest is left behind with its thread: after `false` from `at_rest` leave by _exit.
  int run(ProcessSignals& signals);
  // All threads have ended, and destruction will not wait.
  [[nodiscard]] bool at_rest() const noexcept { return at_rest_; }

 private:
  void start();
  void serve(ProcessSignals& signals);
  void stop(ProcessSignals& signals);

  class Parts;

  const settings::Settings settings_;
  const std::string config_path_;
  const settings::Kinds kinds_;
  std::unique_ptr<Parts> parts_;
  bool at_rest_ = true;
};

}  // namespace evloopd::app
