// Internal invariants. A failed check is a bug in netc, never a user's mistake.
#pragma once

#include <cstdio>
#include <cstdlib>

#define NETC_CHECK(condition, message)                                                                       \
  do {                                                                                                       \
    if (!(condition)) {                                                                                      \
      std::fprintf(stderr, "netc: internal error at %s:%d: %s\n", __FILE__, __LINE__, message);              \
      std::abort();                                                                                          \
    }                                                                                                        \
  } while (false)
