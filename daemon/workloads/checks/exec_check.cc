#include "workloads/checks/exec_check.h"

#include <csignal>
#include <map>
#include <string_view>

#include "aio/errors.h"
#include "aio/settled.h"
#include "net/process/process.h"

extern char** environ;

namespace evloopd::workloads {
namespace {

std::map<std::string, std::string> environment_for(const evloop::SocketAddress& address) {
  std::map<std::string, std::string> all;
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view text(*entry);
    const auto equals = text.find('=');
    if (equals != text.npos) all.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  all["EVLOOPD_UPSTREAM"] = address.to_string();
  all["EVLOOPD_UPSTREAM_HOST"] = address.host();
  all["EVLOOPD_UPSTREAM_PORT"] = std::to_string(address.port());
  return all;
}

}  // namespace

evloop::Coro<std::string> run_program(std::vector<std::string> command, evloop::SocketAddress address) {
  const auto nothing = evloop::Stdio::devnull();
  // In a group of its own, so that what it started itself goes with it.
  const auto program = co_await evloop::create_subprocess_exec(
      std::move(command),
      {.std_in = nothing, .std_out = nothing, .std_err = nothing, .env = environment_for(address), .process_group = 0});
  const auto outcome = co_await evloop::settled(program.wait());
  if (!outcome) {
    if (!program.returncode()) ::kill(-program.pid(), SIGKILL);
    std::rethrow_exception(outcome.error());
  }
  const auto status = outcome.value();
  if (status < 0) throw evloop::ValueError("the program was ended by signal " + std::to_string(-status));
  if (status > 0) throw evloop::ValueError("the program exited with " + std::to_string(status));
  co_return "the program exited with 0";
}

}  // namespace evloopd::workloads
