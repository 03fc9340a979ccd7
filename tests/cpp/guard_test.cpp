// The guard must see what it is there to see.
#include "backend/guard.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "compiled.h"

namespace netc {
namespace {

/// Two buffers side by side, each written by its own call.
Schedule two_calls(int64_t bytes) {
  Schedule schedule;
  for (int i = 0; i < 2; ++i) {
    Buffer buffer;
    buffer.name = i == 0 ? "first" : "second";
    buffer.bytes = bytes;
    buffer.offset = i * bytes;
    buffer.first = i;
    buffer.last = 1;
    schedule.buffers.push_back(buffer);
    PlannedValue value;
    value.buffer = BufferId{i};
    schedule.values.push_back(value);
    Call call;
    call.kernel = i == 0 ? Literal("one") : Literal("two");
    call.outputs = {i};
    schedule.calls.push_back(call);
  }
  return schedule;
}

struct Arena {
  explicit Arena(size_t bytes) : data(static_cast<unsigned char*>(std::aligned_alloc(4096, bytes))) {}
  ~Arena() { std::free(data); }
  unsigned char* data;
};

}  // namespace

TEST_CASE("the guard lets a kernel write its output") {
  const Schedule schedule = two_calls(512);
  Arena arena(4096);
  Guard guard(schedule, 1024, 1);
  guard.before(0, arena.data);
  CHECK(arena.data[0] == 0xff);
  std::memset(arena.data, 1, 512);
  CHECK(guard.after(0, arena.data).empty());
}

TEST_CASE("the guard sees a write beside the output, on its page") {
  const Schedule schedule = two_calls(512);
  Arena arena(4096);
  Guard guard(schedule, 1024, 1);
  guard.before(0, arena.data);
  std::memset(arena.data, 1, 513);
  CHECK(guard.after(0, arena.data).find("free bytes at 512") != std::string::npos);
  guard.before(1, arena.data);
  arena.data[511] = 7;
  CHECK(guard.after(1, arena.data).find("first") != std::string::npos);
}

TEST_CASE("the guard ends the program at a write on another page") {
  const Schedule schedule = two_calls(1 << 16);
  Arena arena(1 << 17);
  const pid_t child = fork();
  if (child == 0) {
    std::freopen("/dev/null", "w", stderr);
    Guard guard(schedule, 1 << 17, 1);
    guard.before(0, arena.data);
    arena.data[100000] = 1;
    _exit(7);  // not reached
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 1);
}

}  // namespace netc
