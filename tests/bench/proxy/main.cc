// `proxy_server UPSTREAM`: tcp.proxy on one hosted loop, as evloopd has it but for the control plane, in front of
// 127.0.0.1:UPSTREAM. Tells its port and serves until it is killed.
#include <pthread.h>
#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>

#include "host/loop_host.h"
#include "workloads/tcp_proxy.h"

int main(int argc, char** argv) {
  using namespace evloopd;
  if (argc != 2) {
    std::fprintf(stderr, "usage: proxy_server UPSTREAM-PORT\n");
    return 64;
  }
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  const auto deadline = [] { return std::chrono::steady_clock::now() + std::chrono::seconds(10); };
  host::LoopHost host{host::JobCatalogue{}};
  workloads::TcpProxyOptions options;
  options.upstreams.list.push_back({std::string("127.0.0.1:") + argv[1]});
  const bool stands = host.create({.name = "io-0", .labels = {}}) &&
                      host.add_workload({.name = "proxy", .loops = {"io-0"}, .listeners = {{.address = "127.0.0.1:0"}}},
                                        std::make_unique<workloads::TcpProxy>(options)) &&
                      host.start("io-0", deadline());
  if (!stands) {
    std::fprintf(stderr, "proxy_server: cannot start\n");
    return 1;
  }
  const auto address = host.workloads().at(0).listeners.at(0);
  std::printf("%s\n", address.substr(address.rfind(':') + 1).c_str());
  std::fflush(stdout);
  int signal = 0;
  ::sigwait(&ends, &signal);
  std::ignore = host.shutdown(std::chrono::seconds(0), nullptr);
}
