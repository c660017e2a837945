// A daemon with the standard kinds of workloads and one of its own: `tcp.shout` answers in capital letters.

#include <algorithm>
#include <cctype>
#include <memory>
#include <string>
#include <vector>

#include "app/run.h"
#include "workloads/tcp_share.h"

using namespace evloopd;

namespace {

struct ShoutOptions {
  int times = 1;  // how often each piece is said
};

class ShoutConnection final : public workloads::TcpConnection {
 public:
  ShoutConnection(workloads::TcpShare& share, int times) : TcpConnection(share), times_(times) {}
  void data_received(std::span<const std::byte> data) override {
    std::string text(reinterpret_cast<const char*>(data.data()), data.size());
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    for (int i = 0; i < times_; ++i) transport().write(text);
  }
  void pause_writing() override { transport().pause_reading(); }
  void resume_writing() override { transport().resume_reading(); }

 private:
  const int times_;
};

class ShoutShare final : public workloads::TcpShare {
 public:
  ShoutShare(evloop::EventLoop& loop, host::WorkloadCounters& counters, int times)
      : TcpShare(loop, counters), times_(times) {}

 private:
  evloop::Ref<workloads::TcpConnection> make_connection() override {
    return evloop::Ref<workloads::TcpConnection>(new ShoutConnection(*this, times_));
  }
  const int times_;
};

class Shout final : public host::Workload {
 public:
  explicit Shout(const ShoutOptions& options) : times_(options.times) {}
  std::string_view kind() const override { return "tcp.shout"; }
  std::unique_ptr<host::WorkloadShare> attach(evloop::EventLoop& loop) override {
    return std::make_unique<ShoutShare>(loop, counters_, times_);
  }
  std::vector<host::Fact> facts() const override { return {{"Times", std::to_string(times_)}}; }
  std::vector<host::Measure> measures() const override {
    return {{.name = "shout_times", .help = "How often each piece is said.", .value = static_cast<double>(times_)}};
  }

 private:
  const int times_;
};

settings::Kind shout() {
  using settings::Hidden, settings::KindContext, settings::Mapping;
  auto kind = settings::make_kind<ShoutOptions>(
      "tcp.shout", {.read =
                        [](Mapping& keys, const KindContext&) {
                          ShoutOptions options;
                          settings::assign(options.times, keys["times"].integer(1, 10));
                          return options;
                        },
                    .print = [](const ShoutOptions& options,
                                const Hidden&) { return std::vector{"times: " + std::to_string(options.times)}; },
                    .make = [](const ShoutOptions& options) { return std::make_unique<Shout>(options); }});
  kind.schema = R"({"times": {"type": "integer", "minimum": 1, "maximum": 10, "default": 1}})";
  return kind;
}

}  // namespace

int main(int argc, char** argv) {
  auto kinds = settings::standard_kinds();
  kinds.push_back(shout());
  return app::run(argc, argv, kinds);
}
