#include "metrics/process_collector.h"

#include <dirent.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <fstream>
#include <limits>
#include <memory>
#include <sstream>
#include <utility>

#include "metrics/families.h"

namespace evloopd::metrics {
namespace {

// The fields of /proc/self/stat that are wanted, numbered as in proc(5).
struct ProcessStat {
  std::uint64_t user_ticks = 0;      // 14
  std::uint64_t system_ticks = 0;    // 15
  std::uint64_t threads = 0;         // 20
  std::uint64_t start_ticks = 0;     // 22, since boot
  std::uint64_t virtual_bytes = 0;   // 23
  std::uint64_t resident_pages = 0;  // 24
};

ProcessStat read_stat() {
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  // The second field, the program's name, may hold anything but ends at the last parenthesis.
  std::istringstream rest(text.substr(text.rfind(')') + 1));
  ProcessStat stat;
  std::string field;
  for (int number = 3; number <= 24 && rest >> field; ++number) {
    const auto value = [&] { return std::strtoull(field.c_str(), nullptr, 10); };
    if (number == 14) stat.user_ticks = value();
    if (number == 15) stat.system_ticks = value();
    if (number == 20) stat.threads = value();
    if (number == 22) stat.start_ticks = value();
    if (number == 23) stat.virtual_bytes = value();
    if (number == 24) stat.resident_pages = value();
  }
  return stat;
}

double seconds(std::uint64_t ticks) { return static_cast<double>(ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK)); }

double now(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// When the machine was booted, since 1970. A sandbox may hide /proc/stat, which tells it, too.
double boot_time() { return now(CLOCK_REALTIME) - now(CLOCK_BOOTTIME); }

double count_open_fds() {
  const std::unique_ptr<DIR, decltype(&::closedir)> folder(::opendir("/proc/self/fd"), &::closedir);
  if (!folder) return 0;
  int count = 0;
  while (::readdir(folder.get()) != nullptr) ++count;
  return count - 3;  // . and .. and the folder itself
}

double max_fds() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur == RLIM_INFINITY ? std::numeric_limits<double>::infinity()
                                         : static_cast<double>(limit.rlim_cur);
}

}  // namespace

std::vector<prometheus::MetricFamily> ProcessCollector::Collect() const {
  const auto stat = read_stat();
  static const double booted = boot_time();
  std::vector<prometheus::MetricFamily> families;
  const auto put = [&](Family family, double value, Labels labels = {}) {
    family.add(std::move(labels), value);
    families.push_back(std::move(family).take());
  };
  put(Family::counter("process_cpu_seconds_total", "Processor time of the process, user and system."),
      seconds(stat.user_ticks + stat.system_ticks));
  put(Family::gauge("process_resident_memory_bytes", "Resident memory."),
      static_cast<double>(stat.resident_pages) * static_cast<double>(::sysconf(_SC_PAGESIZE)));
  put(Family::gauge("process_virtual_memory_bytes", "Virtual memory."), static_cast<double>(stat.virtual_bytes));
  put(Family::gauge("process_open_fds", "Open file descriptors."), count_open_fds());
  put(Family::gauge("process_max_fds", "The most file descriptors that may be open."), max_fds());
  put(Family::gauge("process_threads", "Threads."), static_cast<double>(stat.threads));
  put(Family::gauge("process_start_time_seconds", "When the process started, since the Unix epoch."),
      booted + seconds(stat.start_ticks));
  put(Family::gauge("evloopd_build_info", "Always 1; the labels say what runs."), 1,
      {{.name = "version", .value = version_}});
  return families;
}

}  // namespace evloopd::metrics
