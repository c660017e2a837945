#include "net/process/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "aio/errors.h"
#include "base/system_error.h"

namespace evloop {
namespace {

constexpr int first_other_fd = 3;  // after the standard streams

// For the calls that answer an errno.
void check(int error, const char* call) {
  if (error != 0) throw_errno(call, error);
}

// What the child does with its descriptors, in order.
class FileActions {
 public:
  FileActions() { check(::posix_spawn_file_actions_init(&actions_), "posix_spawn_file_actions_init"); }
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;

  void open_null(int target) {
    check(::posix_spawn_file_actions_addopen(&actions_, target, "/dev/null", O_RDWR, 0), "open /dev/null");
  }
  // Onto itself: keeps it open.
  void duplicate(int fd, int target) { check(::posix_spawn_file_actions_adddup2(&actions_, fd, target), "dup2"); }
  void close(int fd) { check(::posix_spawn_file_actions_addclose(&actions_, fd), "close"); }
  void close_from(int fd) { check(::posix_spawn_file_actions_addclosefrom_np(&actions_, fd), "close_range"); }
  void change_directory(const char* path) { check(::posix_spawn_file_actions_addchdir_np(&actions_, path), "chdir"); }
  [[nodiscard]] const posix_spawn_file_actions_t* get() const noexcept { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

class Attributes {
 public:
  explicit Attributes(const SubprocessOptions& options) {
    check(::posix_spawnattr_init(&attributes_), "posix_spawnattr_init");
    int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    sigset_t signals;
    // Most threads of a daemon have everything blocked: a child born so could not be terminated.
    ::sigemptyset(&signals);
    ::posix_spawnattr_setsigmask(&attributes_, &signals);
    ::sigaddset(&signals, SIGPIPE);
    ::sigaddset(&signals, SIGXFSZ);
    ::posix_spawnattr_setsigdefault(&attributes_, &signals);
    if (options.start_new_session) flags |= POSIX_SPAWN_SETSID;
    if (options.process_group) {
      flags |= POSIX_SPAWN_SETPGROUP;
      ::posix_spawnattr_setpgroup(&attributes_, *options.process_group);
    }
    ::posix_spawnattr_setflags(&attributes_, static_cast<short>(flags));
  }
  ~Attributes() { ::posix_spawnattr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  [[nodiscard]] const posix_spawnattr_t* get() const noexcept { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

void check_text(std::string_view text) {
  if (text.contains('\0')) throw ValueError("embedded null byte");
}

// A null-terminated array of `texts`, which outlive it.
std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (const auto& text : texts) {
    check_text(text);
    all.push_back(const_cast<char*>(text.c_str()));
  }
  all.push_back(nullptr);
  return all;
}

std::vector<std::string> environment(const std::map<std::string, std::string>& variables) {
  std::vector<std::string> all;
  for (const auto& [name, value] : variables) {
    if (name.empty() || name.contains('=')) throw ValueError("illegal environment variable name");
    all.push_back(name + "=" + value);
  }
  return all;
}

// A copy whose number is no standard stream's: the child's own streams are put in place one after the other.
UniqueFd copy_above_streams(int fd) {
  UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, first_other_fd));
  if (!copy) throw_errno("fcntl");
  return copy;
}

// The child's side of its standard streams.
class Streams {
 public:
  // Adds what `target` of the child is to be, and makes this side of it if it is a pipe.
  void add(FileActions& actions, int target, Stdio stream, UniqueFd& ours) {
    switch (stream.kind()) {
      case Stdio::Kind::inherit: return;
      case Stdio::Kind::devnull: return actions.open_null(target);
      case Stdio::Kind::to_stdout: return actions.duplicate(STDOUT_FILENO, target);
      case Stdio::Kind::pipe: return actions.duplicate(open_pipe(target, ours), target);
      case Stdio::Kind::fd:
        if (stream.fd() >= first_other_fd || stream.fd() == target) return actions.duplicate(stream.fd(), target);
        return actions.duplicate(keep(copy_above_streams(stream.fd())), target);
    }
  }

 private:
  int open_pipe(int target, UniqueFd& ours) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno("pipe");
    UniqueFd read(ends[0]);
    UniqueFd write(ends[1]);
    ours = std::move(target == STDIN_FILENO ? write : read);
    auto& theirs = target == STDIN_FILENO ? read : write;
    return keep(theirs.get() >= first_other_fd ? std::move(theirs) : copy_above_streams(theirs.get()));
  }
  int keep(UniqueFd fd) { return kept_.emplace_back(std::move(fd)).get(); }

  std::vector<UniqueFd> kept_;  // until the child has its own
};

// Whoever forgot to mark a descriptor close-on-exec, the child does not get it.
void close_others(FileActions& actions, std::vector<int> kept) {
  std::ranges::sort(kept);
  if (!kept.empty() && kept.front() < 0) throw ValueError("bad value(s) in fds_to_keep");
  int next = first_other_fd;
  for (const int fd : kept) {
    if (fd < next) continue;
    for (; next < fd; ++next) actions.close(next);
    actions.duplicate(fd, fd);
    ++next;
  }
  actions.close_from(next);
}

// Where `program` may be, in the order of the child's PATH.
std::vector<std::string> candidates(const std::string& program, const SubprocessOptions& options) {
  if (program.contains('/')) return {program};
  std::string_view path = "/bin:/usr/bin";
  if (options.env) {
    if (const auto own = options.env->find("PATH"); own != options.env->end()) path = own->second;
  } else if (const char* own = std::getenv("PATH")) {
    path = own;
  }
  std::vector<std::string> found;
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find(':', begin), path.size());
    const auto folder = path.substr(begin, end - begin);
    found.push_back((folder.empty() ? "." : std::string(folder)) + "/" + program);
    begin = end + 1;
  }
  return found;
}

bool is_missing(int error) noexcept { return error == ENOENT || error == ENOTDIR; }

// Starts the first of them that can be.
pid_t start(const std::vector<std::string>& args, const SubprocessOptions& options, const FileActions& actions) {
  const Attributes attributes(options);
  const auto argv = pointers(args);
  const auto variables = options.env ? environment(*options.env) : std::vector<std::string>();
  const auto given = pointers(variables);
  const auto* envp = options.env ? given.data() : ::environ;
  int error = ENOENT;
  for (const auto& program : candidates(args.front(), options)) {
    // To start a child only to learn that there is no such program would be dear.
    int failed = ::access((std::filesystem::path(options.cwd) / program).c_str(), X_OK) == 0 ? 0 : errno;
    pid_t pid = -1;
    if (failed == 0) failed = ::posix_spawn(&pid, program.c_str(), actions.get(), attributes.get(), argv.data(), envp);
    if (failed == 0) return pid;
    if (is_missing(error)) error = failed;  // one that is there but cannot be started is the better reason
  }
  if (!options.cwd.empty() && ::access(options.cwd.c_str(), X_OK) != 0) throw_errno(options.cwd, errno);
  throw_errno(args.front(), error);
}

}  // namespace

Spawned spawn(const std::vector<std::string>& args, const SubprocessOptions& options) {
  if (args.empty()) throw ValueError("no program to start");
  check_text(options.cwd);
  Spawned spawned;
  FileActions actions;
  Streams streams;
  streams.add(actions, STDIN_FILENO, options.std_in.value(), spawned.pipes[STDIN_FILENO]);
  streams.add(actions, STDOUT_FILENO, options.std_out.value(), spawned.pipes[STDOUT_FILENO]);
  streams.add(actions, STDERR_FILENO, options.std_err.value(), spawned.pipes[STDERR_FILENO]);
  close_others(actions, options.pass_fds);
  if (!options.cwd.empty()) actions.change_directory(options.cwd.c_str());
  spawned.pid = start(args, options, actions);
  return spawned;
}

}  // namespace evloop
