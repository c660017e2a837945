// Two children and this program between them: the first one's lines, numbered, are sorted by the second.
#include <iostream>
#include <string>

#include "aio/gather.h"
#include "aio/runner.h"
#include "net/process/process.h"

using namespace evloop;

constexpr auto piped = Stdio::pipe();

Coro<void> number_lines(StreamReader& from, StreamWriter& to) {
  int number = 0;
  while (const auto line = co_await from.next_line()) {
    to.write(line->str().insert(0, std::to_string(++number) + " "));
    co_await to.drain();
  }
  to.close();
}

Coro<void> pipeline() {
  const auto words = co_await create_subprocess_exec({"printf", "one\\ntwo\\nthree\\n"}, {.std_out = piped});
  const auto sort = co_await create_subprocess_exec({"sort", "-r"}, {.std_in = piped, .std_out = piped});
  const auto [numbered, sorted] =
      co_await gather(number_lines(*words.std_out(), *sort.std_in()), sort.std_out()->read());
  std::cout << sorted.view() << "exit " << co_await words.wait() << " and " << co_await sort.wait() << "\n";
}

int main() { run(pipeline()); }
