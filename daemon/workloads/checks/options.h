#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "net/tls/tls_context.h"
#include "workloads/dns/record.h"

// What a check of somebody else takes. Plain values; settings/ fills them.
namespace evloopd::workloads {

using std::chrono::nanoseconds;

enum class CheckKind { none, tcp, tls, http, expect, exec, grpc, dns };

// How TLS is spoken to who is checked.
struct CheckTls {
  bool verify = true;
  std::string server_name{};  // empty: the host of the request, else the address
  std::string ca{};           // file; empty: whom the system trusts
  evloop::TlsVersion minimum_version = evloop::TlsVersion::tls_1_2;

  friend bool operator==(const CheckTls&, const CheckTls&) = default;
};

// Asks somebody again and again whether they serve.
struct CheckOptions {
  CheckKind kind = CheckKind::none;
  nanoseconds interval = std::chrono::seconds(2);
  nanoseconds down_interval = std::chrono::seconds(2);  // of an upstream: while it is down; of a probe: while it fails
  int jitter = 10;                                      // percent by which an interval may be shorter or longer
  nanoseconds timeout = std::chrono::seconds(1);
  int rise = 2;  // passed in a row: up
  int fall = 3;  // failed in a row: down
  int port = 0;  // 0: that of the address

  bool tls = false;  // http, expect and grpc: over TLS
  CheckTls tls_options{};

  // http
  std::string method = "GET";
  std::string path = "/";
  std::string host{};                               // empty: the address
  std::vector<std::string> statuses{"2xx", "3xx"};  // "200", "2xx"
  std::string header{};                             // "Name: value" that must be in the answer; empty: none
  std::string body{};                               // what must be in the first 64 KiB of the body

  // expect
  std::string send{};
  std::string expect{};  // what must be in the first 64 KiB that come

  // exec: status 0 passes. The address stands in its environment: EVLOOPD_UPSTREAM, _HOST and _PORT.
  std::vector<std::string> command{};
  bool may_exec = false;  // without it a pool refuses the kind

  // grpc: the standard health service
  std::string service{};    // empty: the server as a whole
  std::string authority{};  // empty: the address

  // dns
  std::string query{};  // the name that is asked for
  DnsType type = DnsType::a;
  std::vector<std::string> answers{};  // exactly those must come, in any order; empty: at least one of any

  friend bool operator==(const CheckOptions&, const CheckOptions&) = default;
};

}  // namespace evloopd::workloads
