// The scenarios beside this file, on our loop: each prints, call for call, what its Python prints.
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "aio/gather.h"
#include "aio/runner.h"
#include "aio/settled.h"
#include "aio/sleep.h"
#include "base/system_error.h"
#include "net/connection.h"
#include "net/process/subprocess.h"
#include "net/sock.h"
#include "net/streams.h"

namespace evloop {
namespace {

using namespace std::chrono_literals;

template <class... Words>
void print(const Words&... words) {
  std::string line;
  const auto add = [&line](const auto& word) {
    if (!line.empty()) line += ' ';
    if constexpr (std::is_same_v<std::decay_t<decltype(word)>, bool>) {
      line += word ? "True" : "False";
    } else if constexpr (std::is_arithmetic_v<std::decay_t<decltype(word)>>) {
      line += std::to_string(word);
    } else {
      line += word;
    }
  };
  (add(words), ...);
  std::cout << line << "\n";
}

// As Python shows bytes.
std::string shown(std::string_view data) {
  std::string text = "b'";
  for (const char c : data) c == '\n' ? text += "\\n" : text += c;
  return text + "'";
}
std::string shown(std::span<const std::byte> data) {
  return shown(std::string_view(reinterpret_cast<const char*>(data.data()), data.size()));
}
std::string shown(const std::exception_ptr& error) { return error ? describe(error) : "None"; }

std::pair<UniqueFd, UniqueFd> socket_pair() {
  std::array<int, 2> fds{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds.data()) != 0) throw_errno("socketpair");
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

Coro<std::size_t> receive(EventLoop& loop, int fd, std::size_t all) {
  std::size_t received = 0;
  while (received < all) received += (co_await sock_recv(loop, fd, 65536)).size();
  co_return received;
}

// --- streams ---

template <class A>
Coro<void> read(std::string name, A reading) {
  try {
    print(name, shown((co_await std::move(reading)).view()));
  } catch (const IncompleteReadError& error) {
    print(name, "IncompleteReadError:", error.what(), shown(error.partial.view()));
  } catch (const LimitOverrunError& error) {
    print(name, "LimitOverrunError:", error.what(), error.consumed);
  } catch (const ValueError& error) {
    print(name, "ValueError:", error.what());
  } catch (const LoopError& error) {
    print(name, "RuntimeError:", error.what());
  }
}

void feed(StreamReader& reader, std::string_view text) { reader.feed_data(std::as_bytes(std::span(text))); }

Coro<void> stream_reads() {
  const Ref reader(new StreamReader(get_running_loop()));
  feed(*reader, "one\ntwo;three");
  co_await read("readline", reader->readline());
  co_await read("readuntil", reader->readuntil(";"));
  co_await read("read 2", reader->read(2));
  co_await read("read 0", reader->read(0));
  co_await read("readexactly 0", reader->readexactly(0));
  co_await read("readexactly -1", reader->readexactly(-1));
  co_await read("readuntil empty", reader->readuntil(""));
  auto task = get_running_loop().create_task(read("readexactly 8", reader->readexactly(8)));
  co_await yield();
  co_await read("second reader", reader->readexactly(8));
  reader->feed_eof();
  co_await task;
  co_await read("read at the end", reader->read());
  co_await read("readline at the end", reader->readline());
  co_await read("readexactly at the end", reader->readexactly(1));
  print("at_eof", reader->at_eof());
}

Coro<void> stream_limits() {
  const Ref reader(new StreamReader(get_running_loop(), 8));
  feed(*reader, "0123456789\nab\n");
  co_await read("found beyond the limit", reader->readuntil("\n"));
  co_await read("line beyond the limit", reader->readline());
  co_await read("the next line", reader->readline());
  feed(*reader, "0123456789");
  co_await read("not found", reader->readuntil("\n"));
  co_await read("line without end", reader->readline());
  feed(*reader, "xy");
  reader->feed_eof();
  co_await read("rest of a line", reader->readline());
  co_await read("nothing more", reader->readuntil("\n"));
}

Coro<void> drain(std::string name, Ref<StreamWriter> writer) {
  try {
    co_await writer->drain();
    print(name, "drained");
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::connection_reset) throw;
    print(name, "ConnectionResetError:", "Connection lost");
  }
}

Coro<void> drains() {
  auto& loop = get_running_loop();
  auto [ours, theirs] = socket_pair();
  const auto [reader, writer] = co_await open_connection(std::move(ours));
  const std::string much(2'000'000, '\0');
  co_await drain("at once", writer);
  writer->write(much);
  std::vector<Task<void>> tasks{loop.create_task(drain("first", writer)), loop.create_task(drain("second", writer))};
  co_await yield();
  print("waiting [" + std::string(tasks[0].done() ? "True" : "False") + ", " + (tasks[1].done() ? "True" : "False") +
        "]");
  co_await receive(loop, theirs.get(), much.size());
  co_await gather(std::move(tasks));
  writer->write(much);
  auto waits = loop.create_task(drain("cut off", writer));
  co_await yield();
  writer->transport().abort();
  co_await waits;
  co_await drain("afterwards", writer);
  co_await writer->wait_closed();
  print("closed", shown((co_await reader->read()).view()));
}

// --- transports ---

class Side final : public Protocol {
 public:
  Side(std::string name, Future<void> ended, bool keeps_open)
      : name_(std::move(name)), ended_(std::move(ended)), keeps_open_(keeps_open) {}
  void connection_made(Transport& transport) override {
    transport_ = &transport;
    print(name_, "connection_made");
  }
  void data_received(std::span<const std::byte> data) override { print(name_, "data_received", shown(data)); }
  bool eof_received() override {
    print(name_, "eof_received");
    if (keeps_open_) {
      transport_->write("after the end");
      transport_->close();
    }
    return keeps_open_;
  }
  void connection_lost(std::exception_ptr error) override {
    print(name_, "connection_lost", shown(error));
    ended_.set_result();
  }

 private:
  const std::string name_;
  const Future<void> ended_;
  const bool keeps_open_;
  Transport* transport_ = nullptr;
};

Coro<void> half_close() {
  auto& loop = get_running_loop();
  for (const bool keeps_open : {true, false}) {
    std::vector<Future<void>> ends{loop.create_future(), loop.create_future()};
    auto server = co_await create_server(
        loop, [ended = ends[0], keeps_open] { return Ref(new Side("server", ended, keeps_open)); }, "127.0.0.1", 0);
    const auto client = co_await create_connection(
        loop, [ended = ends[1]] { return Ref(new Side("client", ended, false)); }, server.sockets().at(0).address);
    co_await sleep(10ms);
    print("can_write_eof", client.transport->can_write_eof());
    client.transport->write("last words");
    client.transport->write_eof();
    try {
      client.transport->write("more");
    } catch (const LoopError& error) {
      print("RuntimeError:", error.what());
    }
    co_await gather(std::move(ends));
    server.close();
  }
}

class Writer final : public Protocol {
 public:
  void pause_writing() override { print("pause_writing"); }
  void resume_writing() override { print("resume_writing"); }
  void connection_lost(std::exception_ptr error) override { print("connection_lost", shown(error)); }
};

void print_limits(const Transport& transport) {
  const auto [low, high] = transport.get_write_buffer_limits();
  print("limits (" + std::to_string(low) + ", " + std::to_string(high) + ")");
}

Coro<void> flow_control() {
  auto& loop = get_running_loop();
  auto [ours, theirs] = socket_pair();
  const auto made = co_await create_connection(loop, [] { return Ref(new Writer); }, std::move(ours));
  const auto& transport = made.transport;
  print_limits(*transport);
  transport->set_write_buffer_limits(100'000);
  print_limits(*transport);
  try {
    transport->set_write_buffer_limits(10, 20);
  } catch (const ValueError& error) {
    print("ValueError:", error.what());
  }
  transport->write(std::string(2'000'000, '\0'));
  print("written", transport->get_write_buffer_size() > 100'000);
  transport->write(std::string(100, '\0'));
  print("written more");
  const auto received = co_await receive(loop, theirs.get(), 2'000'100);
  co_await yield();
  print("received", received, transport->get_write_buffer_size());
  transport->close();
  print("closing", transport->is_closing());
  transport->write("dropped");
  co_await yield();
  co_await yield();
}

// --- servers ---

class Served final : public Protocol {
 public:
  explicit Served(int& count) : count_(count) {}
  void connection_made(Transport&) override { print("made", number_ = ++count_); }
  void connection_lost(std::exception_ptr error) override { print("lost", number_, shown(error)); }

 private:
  int& count_;
  int number_ = 0;
};

Coro<void> server_close() {
  auto& loop = get_running_loop();
  int count = 0;
  auto server =
      co_await create_server(loop, [&] { return Ref(new Served(count)); }, "127.0.0.1", 0, {.start_serving = false});
  print("serving", server.is_serving());
  co_await server.start_serving();
  print("serving", server.is_serving(), server.sockets().size());
  const auto address = server.sockets().at(0).address;
  std::vector<Stream> clients;
  for (const int number : {1, 2}) {
    clients.push_back(co_await open_connection(address));
    while (count < number) co_await sleep(1ms);
  }
  const auto closed = [&]() -> Coro<void> {
    co_await server.wait_closed();
    print("wait_closed");
  };
  auto waits = loop.create_task(closed);
  co_await yield();
  server.close();
  server.close();
  print("serving", server.is_serving(), server.sockets().size(), waits.done());
  clients[0].writer->close();
  co_await clients[0].writer->wait_closed();
  co_await sleep(10ms);
  print("one left", waits.done());
  server.close_clients();
  print("close_clients");
  co_await waits;
  print("client reads", shown((co_await clients[1].reader->read()).view()));
  clients[1].writer->close();
  co_await server.wait_closed();
  print("again");
}

Coro<void> serve_forever() {
  auto& loop = get_running_loop();
  auto server =
      co_await create_server(loop, [] { return Ref(new Protocol); }, "127.0.0.1", 0, {.start_serving = false});
  auto forever = loop.create_task(server.serve_forever());
  co_await yield();
  co_await yield();
  print("serving", server.is_serving());
  try {
    co_await server.serve_forever();
  } catch (const LoopError& error) {
    print("RuntimeError:", std::string_view(error.what()).ends_with("is already being awaited on serve_forever()"));
  }
  forever.cancel();
  if ((co_await settled(forever)).cancelled()) print("cancelled");
  print("serving", server.is_serving(), server.sockets().size());
  try {
    co_await server.serve_forever();
  } catch (const LoopError& error) {
    print("RuntimeError:", std::string_view(error.what()).ends_with("is closed"));
  }
}

// --- children ---

class Child final : public SubprocessProtocol {
 public:
  explicit Child(Future<void> end) : ended(std::move(end)) {}
  void connection_made(SubprocessTransport&) override { calls.emplace_back("connection_made"); }
  void pipe_data_received(int fd, std::span<const std::byte> bytes) override {
    data[fd].append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  void pipe_connection_lost(int fd, std::exception_ptr error) override {
    calls.push_back("pipe_connection_lost " + std::to_string(fd) + " " + shown(error));
  }
  void process_exited() override { calls.emplace_back("process_exited"); }
  void connection_lost(std::exception_ptr error) override {
    calls.push_back("connection_lost " + shown(error));
    ended.set_result();
  }

  const Future<void> ended;
  std::vector<std::string> calls;
  std::map<int, std::string> data{{1, ""}, {2, ""}};
};

Coro<void> subprocess_protocol() {
  auto& loop = get_running_loop();
  const std::pair<std::string, std::string> children[]{{"echo out; echo err >&2; cat; exit 3", "input\n"},
                                                       {"kill -9 $$", ""}};
  for (const auto& [command, words] : children) {
    const auto ended = loop.create_future();
    std::vector<std::string> args{"/bin/sh", "-c", command};
    const auto [transport, child] =
        co_await subprocess_exec(loop, [&] { return Ref(new Child(ended)); }, std::move(args));
    transport->get_pipe_transport(0)->write(words);
    transport->get_pipe_transport(0)->close();
    co_await ended;
    print("first", child->calls.front());
    std::sort(child->calls.begin() + 1, child->calls.end() - 1);
    for (std::size_t i = 1; i + 1 < child->calls.size(); ++i) print("then", child->calls[i]);
    print("last", child->calls.back());
    print("{1: " + shown(child->data[1]) + ", 2: " + shown(child->data[2]) + "}", *transport->get_returncode());
  }
}

int main_of(const std::string& name) {
  const std::map<std::string, Coro<void> (*)()> scenarios{{"drain", drains},
                                                          {"flow_control", flow_control},
                                                          {"half_close", half_close},
                                                          {"serve_forever", serve_forever},
                                                          {"server_close", server_close},
                                                          {"stream_limits", stream_limits},
                                                          {"stream_reads", stream_reads},
                                                          {"subprocess_protocol", subprocess_protocol}};
  const auto scenario = scenarios.find(name);
  if (scenario == scenarios.end()) return 2;
  run(scenario->second());
  return 0;
}

}  // namespace
}  // namespace evloop

int main(int count, char** arguments) { return evloop::main_of(count == 2 ? arguments[1] : ""); }
