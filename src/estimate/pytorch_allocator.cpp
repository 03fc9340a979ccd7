#include "estimate/pytorch_allocator.h"

#include <algorithm>

#include "support/check.h"

namespace netc {

namespace {

constexpr int64_t kMinBlockSize = 512, kSmallSize = int64_t{1} << 20, kSmallBuffer = int64_t{2} << 20;
constexpr int64_t kMinLargeAlloc = int64_t{10} << 20, kLargeBuffer = int64_t{20} << 20, kRoundLarge = int64_t{2} << 20;

int64_t rounded_up(int64_t bytes, int64_t unit) { return (bytes + unit - 1) / unit * unit; }

int64_t segment_size(int64_t rounded) {
  if (rounded <= kSmallSize) return kSmallBuffer;
  return rounded < kMinLargeAlloc ? kLargeBuffer : rounded_up(rounded, kRoundLarge);
}

}  // namespace

PytorchAllocator::Block PytorchAllocator::add(const Chunk& chunk) {
  if (unused_.empty()) {
    blocks_.push_back(chunk);
    return static_cast<Block>(blocks_.size()) - 1;
  }
  const Block block = unused_.back();
  unused_.pop_back();
  this->chunk(block) = chunk;
  return block;
}

void PytorchAllocator::insert(Block block) { pool(chunk(block).small).insert({chunk(block).size, chunk(block).address, block}); }

void PytorchAllocator::erase(Block block) { pool(chunk(block).small).erase({chunk(block).size, chunk(block).address, block}); }

std::optional<PytorchAllocator::Block> PytorchAllocator::new_segment(int64_t rounded) {
  const int64_t size = segment_size(rounded);
  if (capacity_ > 0 && stats_.reserved + size > capacity_) release_cached();
  if (capacity_ > 0 && stats_.reserved + size > capacity_) return std::nullopt;
  stats_.reserved += size;
  stats_.max_reserved = std::max(stats_.max_reserved, stats_.reserved);
  const Block block = add({.address = next_address_, .size = size, .small = rounded <= kSmallSize});
  next_address_ += size;
  return block;
}

/// Cuts what is left behind `rounded` bytes off, where that is worth it: always in small segments, from above 1 MiB in large ones.
void PytorchAllocator::split(Block block, int64_t rounded) {
  const Chunk whole = chunk(block);
  const int64_t rest = whole.size - rounded;
  if (whole.small ? rest < kMinBlockSize : rest <= kSmallSize) return;
  const Block tail = add({.address = whole.address + rounded, .size = rest, .before = block, .after = whole.after, .small = whole.small});
  chunk(block).size = rounded;
  chunk(block).after = tail;
  if (whole.after >= 0) chunk(whole.after).before = tail;
  insert(tail);
}

std::optional<PytorchAllocator::Block> PytorchAllocator::allocate(int64_t bytes) {
  NETC_CHECK(bytes >= 0, "a tensor of negative size");
  if (bytes == 0) return -1;
  const int64_t rounded = std::max(kMinBlockSize, rounded_up(bytes, kMinBlockSize));
  Pool& from = pool(rounded <= kSmallSize);
  Block block = -1;
  if (const auto found = from.lower_bound({rounded, -1, -1}); found != from.end()) {
    block = std::get<2>(*found);
    from.erase(found);
  } else {
    const std::optional<Block> made = new_segment(rounded);
    if (!made) return std::nullopt;
    block = *made;
  }
  split(block, rounded);
  Chunk& taken = chunk(block);
  taken.used = true;
  taken.requested = bytes;
  stats_.allocated += taken.size;
  stats_.requested += bytes;
  stats_.max_allocated = std::max(stats_.max_allocated, stats_.allocated);
  stats_.max_requested = std::max(stats_.max_requested, stats_.requested);
  return block;
}

/// `next` follows `block` and becomes part of it.
void PytorchAllocator::join(Block block, Block next) {
  Chunk &first = chunk(block), &second = chunk(next);
  first.size += second.size;
  first.after = second.after;
  if (second.after >= 0) chunk(second.after).before = block;
  unused_.push_back(next);
}

void PytorchAllocator::free(Block block) {
  if (block < 0) return;
  Chunk& given = chunk(block);
  NETC_CHECK(given.used, "a block is freed twice");
  given.used = false;
  stats_.allocated -= given.size;
  stats_.requested -= given.requested;
  if (const Block after = given.after; after >= 0 && !chunk(after).used) {
    erase(after);
    join(block, after);
  }
  if (const Block before = given.before; before >= 0 && !chunk(before).used) {
    erase(before);
    join(before, block);
    block = before;
  }
  insert(block);
}

void PytorchAllocator::release_cached() {
  for (Pool* pool : {&small_, &large_}) {
    for (auto at = pool->begin(); at != pool->end();) {
      const Block block = std::get<2>(*at);
      const bool whole = chunk(block).before < 0 && chunk(block).after < 0;
      if (whole) stats_.reserved -= chunk(block).size, unused_.push_back(block);
      at = whole ? pool->erase(at) : std::next(at);
    }
  }
}

}  // namespace netc
