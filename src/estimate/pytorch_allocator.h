// PyTorch's caching allocator for CUDA, simulated (c10/cuda/CUDACachingAllocator.cpp and c10/core/AllocatorConfig.h of 2025-2026, default
// configuration, one stream).
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

namespace netc {

/// Blocks of 512 bytes and more are cut from segments, which cudaMalloc gives and which are kept until memory runs out. Requests of at most 1 MiB
/// come from segments of 2 MiB, those below 10 MiB from segments of 20 MiB, larger ones have a segment of their own size, rounded up to 2 MiB.
class PytorchAllocator {
 public:
  using Block = int;

  /// What torch.cuda.memory_stats() counts, in bytes.
  struct Stats {
    int64_t allocated = 0, max_allocated = 0;  ///< blocks handed out
    int64_t requested = 0, max_requested = 0;  ///< what was asked for
    int64_t reserved = 0, max_reserved = 0;    ///< segments
  };

  /// `capacity`: bytes the device has for segments; 0: no limit.
  explicit PytorchAllocator(int64_t capacity = 0) : capacity_(capacity) {}

  /// A block of at least `bytes`. 0 bytes take none and give -1. Nothing where the device has no more, though every cached segment was given back.
  std::optional<Block> allocate(int64_t bytes);
  void free(Block block);
  /// Gives back the segments of which nothing is in use.
  void release_cached();

  const Stats& stats() const { return stats_; }
  /// Bytes of the block: the request, rounded, and what was not worth splitting off.
  int64_t size(Block block) const { return blocks_[static_cast<size_t>(block)].size; }
  int64_t address(Block block) const { return blocks_[static_cast<size_t>(block)].address; }

 private:
  struct Chunk {
    int64_t address = 0, size = 0, requested = 0;
    Block before = -1, after = -1;  ///< neighbours in the segment
    bool small = false, used = false;
  };
  using Pool = std::set<std::tuple<int64_t, int64_t, Block>>;  ///< size, address

  Pool& pool(bool small) { return small ? small_ : large_; }
  Chunk& chunk(Block block) { return blocks_[static_cast<size_t>(block)]; }
  Block add(const Chunk& chunk);
  void insert(Block block);
  void erase(Block block);
  std::optional<Block> new_segment(int64_t rounded);
  void split(Block block, int64_t rounded);
  void join(Block block, Block next);

  int64_t capacity_, next_address_ = 0;
  std::vector<Chunk> blocks_;
  std::vector<Block> unused_;  ///< entries of blocks_ that stand for nothing
  Pool small_, large_;         ///< free blocks
  Stats stats_;
};

}  // namespace netc
