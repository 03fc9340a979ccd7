/* Preloaded into an emitted CPU program: records every large allocation that the program's own code asks for.
 * Libraries (oneDNN's code and packing buffers, OpenMP's stacks) are not the program's and are told apart by the caller's address.
 * At exit it writes one line for each to the file named by NETC_ALLOCATIONS: "bytes". */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { LARGE = 64 * 1024, MOST = 65536 };

static size_t sizes[MOST];
static int count;

static int own(const void* caller) {
  Dl_info info;
  if (!dladdr(caller, &info) || !info.dli_fname) return 0;
  /* operator new lives in libstdc++, but only the program and netc's runtime inside it call it for tensors. */
  return strstr(info.dli_fname, ".so") == NULL || strstr(info.dli_fname, "libstdc++") != NULL;
}

static void record(size_t bytes, const void* caller) {
  if (bytes < LARGE || !own(caller)) return;
  int at = __sync_fetch_and_add(&count, 1);
  if (at < MOST) sizes[at] = bytes;
}

void* malloc(size_t bytes) {
  static void* (*real)(size_t);
  if (!real) real = (void* (*)(size_t))dlsym(RTLD_NEXT, "malloc");
  record(bytes, __builtin_return_address(0));
  return real(bytes);
}

void* aligned_alloc(size_t alignment, size_t bytes) {
  static void* (*real)(size_t, size_t);
  if (!real) real = (void* (*)(size_t, size_t))dlsym(RTLD_NEXT, "aligned_alloc");
  record(bytes, __builtin_return_address(0));
  return real(alignment, bytes);
}

int posix_memalign(void** out, size_t alignment, size_t bytes) {
  static int (*real)(void**, size_t, size_t);
  if (!real) real = (int (*)(void**, size_t, size_t))dlsym(RTLD_NEXT, "posix_memalign");
  record(bytes, __builtin_return_address(0));
  return real(out, alignment, bytes);
}

__attribute__((destructor)) static void report(void) {
  const char* path = getenv("NETC_ALLOCATIONS");
  FILE* file = path ? fopen(path, "w") : NULL;
  if (!file) return;
  for (int i = 0; i < count && i < MOST; ++i) fprintf(file, "%zu\n", sizes[i]);
  fclose(file);
}
