// A chat: what one guest says, all others hear. The two guests of the example are tasks of a group.
#include <functional>
#include <iostream>
#include <map>
#include <set>
#include <string>

#include "aio/event.h"
#include "aio/runner.h"
#include "aio/task_group.h"
#include "net/streams.h"

using namespace evloop;

class Room {
 public:
  // Serves one guest, whose first line is the name.
  Coro<void> welcome(StreamReader& reader, StreamWriter& writer) {
    const auto first = co_await reader.readline();
    const std::string name(first.view().substr(0, first.view().find('\n')));
    guests_.insert(&writer);
    tell("* " + name + " came\n", nullptr);
    first_came_.set();
    while (const auto line = co_await reader.next_line()) tell(name + ": " + line->str(), &writer);
    guests_.erase(&writer);
    tell("* " + name + " left\n", nullptr);
    writer.close();
  }
  Coro<void> first_guest() { return first_came_.wait(); }

 private:
  void tell(const std::string& what, const StreamWriter* speaker) {
    for (auto* guest : guests_)
      if (guest != speaker) guest->write(what);
  }

  std::set<StreamWriter*> guests_;
  Event first_came_;
};

using Answers = std::map<std::string, std::string>;

// Gives the answers to what is heard, an empty one being to leave. Answers what was heard.
Coro<std::string> guest(SocketAddress address, std::string name, Answers answers) {
  const auto [reader, writer] = co_await open_connection(address);
  writer->write(name + "\n");
  std::string heard;
  while (const auto line = co_await reader->next_line()) {
    heard += name + " hears " + line->str();
    const auto answer = answers.find(line->str());
    if (answer == answers.end()) continue;
    answer->second.empty() ? writer->write_eof() : writer->write(answer->second);
  }
  writer->close();
  co_return heard;
}

Coro<void> meet(Room& room, Server& server) {
  const auto address = server.sockets().at(0).address;
  Task<std::string> ann, bob;
  co_await task_group([&](TaskGroup& group) -> Coro<void> {
    ann = group.create_task(guest, address, "Ann", Answers{{"* Bob came\n", "Hello\n"}, {"Bob: Hello, Ann\n", ""}});
    co_await room.first_guest();
    bob = group.create_task(guest, address, "Bob", Answers{{"Ann: Hello\n", "Hello, Ann\n"}, {"* Ann left\n", ""}});
  });
  std::cout << ann.result() << bob.result();
}

Coro<void> party() {
  Room room;
  const auto welcome = [&room](StreamReader& reader, StreamWriter& writer) { return room.welcome(reader, writer); };
  co_await with_server(co_await start_server(welcome, "127.0.0.1", 0),
                       [&room](Server& server) { return meet(room, server); });
}

int main() { run(party()); }
