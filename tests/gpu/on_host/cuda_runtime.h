// Runs CUDA kernels on the host, slowly, to test their arithmetic where there is no GPU: blocks one after the other, the threads of a block as
// fibers that take turns at barriers. It stands in for the toolkit's header of this name and knows only what runtime/cuda uses.
// The keywords below are CUDA's own, hence macros.
#pragma once

#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __shared__ alignas(16) static
#define __align__(bytes)
#define __launch_bounds__(threads)

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
};
inline uint3 blockIdx, threadIdx;
inline dim3 blockDim, gridDim;
using std::max;
using std::min;

using cudaError_t = int;
using cudaStream_t = void*;
using cudaEvent_t = void*;
constexpr cudaError_t cudaSuccess = 0;
inline cudaError_t cudaGetLastError() { return cudaSuccess; }
inline cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t) {
  std::memset(to, value, bytes);
  return cudaSuccess;
}

namespace on_host {

/// A thread. It is made once and then runs `body` again for every block; switching by setjmp costs no system call.
struct Fiber {
  ucontext_t start;
  jmp_buf point;
  std::vector<char> stack;
  bool done = true;
};
struct Barrier {
  unsigned arrived = 0, generation = 0;
};

inline std::deque<Fiber> fibers;
inline jmp_buf scheduler;
inline unsigned current = 0;
inline std::function<void()>* body = nullptr;
inline Barrier block_barrier, warp_barriers[32];
inline uint32_t lanes[1024];

inline void yield() {
  if (_setjmp(fibers[current].point) == 0) _longjmp(scheduler, 1);
}

/// Until `threads` fibers are here.
inline void wait_at(Barrier& barrier, unsigned threads) {
  const unsigned generation = barrier.generation;
  if (++barrier.arrived == threads) {
    barrier.arrived = 0;
    ++barrier.generation;
    return;
  }
  while (barrier.generation == generation) yield();
}

inline void run_fiber() {
  for (;;) {
    (*body)();
    fibers[current].done = true;
    yield();
  }
}

/// Goes on with fiber `current` until it yields.
inline void resume() {
  Fiber& fiber = fibers[current];
  if (_setjmp(scheduler) != 0) return;
  if (!fiber.stack.empty()) _longjmp(fiber.point, 1);
  fiber.stack.resize(64 << 10);
  getcontext(&fiber.start);
  fiber.start.uc_stack.ss_sp = fiber.stack.data();
  fiber.start.uc_stack.ss_size = fiber.stack.size();
  makecontext(&fiber.start, run_fiber, 0);
  setcontext(&fiber.start);
}

/// Every thread of one block, in turns until all are done.
inline void run_block() {
  const unsigned threads = blockDim.x * blockDim.y * blockDim.z;
  while (fibers.size() < threads) fibers.emplace_back();
  for (unsigned t = 0; t < threads; ++t) fibers[t].done = false;
  for (unsigned left = threads; left > 0;) {
    left = 0;
    for (unsigned t = 0; t < threads; ++t) {
      if (fibers[t].done) continue;
      current = t;
      threadIdx = {t % blockDim.x, t / blockDim.x % blockDim.y, t / (blockDim.x * blockDim.y)};
      resume();
      if (!fibers[t].done) ++left;
    }
  }
}

/// What `kernel<<<grid, block>>>(...)` becomes.
template <class Kernel>
void launch(dim3 grid, dim3 block, Kernel kernel) {
  std::function<void()> call = kernel;
  body = &call;
  gridDim = grid;
  blockDim = block;
  for (unsigned z = 0; z < grid.z; ++z) {
    for (unsigned y = 0; y < grid.y; ++y) {
      for (unsigned x = 0; x < grid.x; ++x) {
        blockIdx = {x, y, z};
        run_block();
      }
    }
  }
}

}  // namespace on_host

inline void __syncthreads() { on_host::wait_at(on_host::block_barrier, blockDim.x * blockDim.y * blockDim.z); }
inline void __syncwarp() { on_host::wait_at(on_host::warp_barriers[on_host::current / 32], 32); }

inline int __syncthreads_or(int value) {
  const unsigned threads = blockDim.x * blockDim.y * blockDim.z;
  on_host::lanes[on_host::current] = value != 0;
  __syncthreads();
  int any = 0;
  for (unsigned t = 0; t < threads; ++t) any |= static_cast<int>(on_host::lanes[t]);
  __syncthreads();
  return any;
}

inline void sincospif(float x, float* sine, float* cosine) {
  *sine = static_cast<float>(std::sin(M_PI * x));
  *cosine = static_cast<float>(std::cos(M_PI * x));
}

template <class T>
T __shfl_xor_sync(unsigned, T value, int offset) {
  static_assert(sizeof(T) == sizeof(uint32_t));
  const unsigned self = on_host::current;
  on_host::Barrier& warp = on_host::warp_barriers[self / 32];
  std::memcpy(&on_host::lanes[self], &value, sizeof value);
  on_host::wait_at(warp, 32);
  T other;
  std::memcpy(&other, &on_host::lanes[self ^ static_cast<unsigned>(offset)], sizeof other);
  on_host::wait_at(warp, 32);
  return other;
}
