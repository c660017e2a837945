#include "workloads/http_respond.h"

#include "workloads/http/share.h"

namespace evloopd::workloads {

std::unique_ptr<host::WorkloadShare> HttpRespond::attach(evloop::EventLoop& loop) {
  return std::make_unique<HttpShare>(loop, options_, counters_);
}

}  // namespace evloopd::workloads
