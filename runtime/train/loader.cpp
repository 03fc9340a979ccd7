#include "loader.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <numeric>

#include "random.h"

namespace netrt {

namespace {

int64_t slot_stride(int64_t bytes) { return (bytes + 255) / 256 * 256; }

/// More threads pay off only where a batch takes longer than starting them.
constexpr double kWorthThreads = 1e-3;  // seconds
constexpr unsigned kMostThreads = 8;

}  // namespace

std::vector<int64_t> shuffled(int64_t count, uint64_t seed, uint64_t epoch) {
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), int64_t{0});
  const uint64_t stream = stream_of("shuffle") + epoch;
  for (int64_t i = count - 1; i > 0; --i) {
    const Random4 block = philox(seed, stream, static_cast<uint64_t>(i));
    const uint64_t bits = static_cast<uint64_t>(block.v[0]) << 32 | block.v[1];
    const auto j = static_cast<int64_t>((static_cast<unsigned __int128>(bits) * static_cast<uint64_t>(i + 1)) >> 64);
    std::swap(order[static_cast<size_t>(i)], order[static_cast<size_t>(j)]);
  }
  return order;
}

Loader::Loader(Context& ctx, const ProgramSpec& spec, char* arena) : ctx_(ctx), spec_(spec), arena_(arena), label_at_(slot_stride(spec.input_bytes)) {
  for (int slot = 0; slot < spec.slots; ++slot) {
    staging_.push_back(static_cast<char*>(host_allocate(ctx, static_cast<size_t>(label_at_ + spec.label_bytes))));
  }
}

Loader::~Loader() {
  stop();
  synchronize(ctx_);  // a copy may still read the staging memory
  for (char* memory : staging_) host_free(ctx_, memory);
}

void Loader::start(const Dataset& data, std::vector<int64_t> order, uint64_t epoch, int64_t first_batch) {
  stop();
  synchronize(ctx_);
  data_ = &data;
  order_ = std::move(order);
  epoch_ = epoch;
  batches_ = (static_cast<int64_t>(order_.size()) + spec_.train.batch - 1) / spec_.train.batch;
  current_ = copied_ = prepared_ = released_ = first_batch;
  error_ = nullptr;
  stopping_ = false;
  if (spec_.slots > 1) thread_ = std::thread([this] { work(); });
}

void Loader::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Loader::work() {
  const int64_t slots = spec_.slots;
  for (int64_t batch = prepared_; batch < batches_; ++batch) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stopping_ || batch - released_ < slots; });
      if (stopping_) return;
    }
    std::exception_ptr error;
    try {
      fill(batch, staging_[static_cast<size_t>(batch % slots)]);
    } catch (...) {
      error = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    prepared_ = batch + 1;
    error_ = error;
    changed_.notify_all();
    if (error) return;
  }
}

void Loader::fill_rows(int64_t batch, int64_t first_row, int64_t last_row, char* staging) const {
  const size_t input_bytes = static_cast<size_t>(spec_.input_bytes / spec_.train.batch),
               label_bytes = static_cast<size_t>(spec_.label_bytes / spec_.train.batch);
  for (int64_t row = first_row; row < last_row; ++row) {
    char* input = staging + static_cast<size_t>(row) * input_bytes;
    char* target = staging + static_cast<size_t>(label_at_) + static_cast<size_t>(row) * label_bytes;
    const size_t position = static_cast<size_t>(batch * spec_.train.batch + row);
    if (position < order_.size()) {
      data_->sample(order_[position], epoch_, input, label_bytes > 0 ? target : nullptr);
    } else {
      std::memset(input, 0, input_bytes);
      std::memset(target, 0, label_bytes);
    }
  }
}

void Loader::fill(int64_t batch, char* staging) const {
  using Clock = std::chrono::steady_clock;
  const int64_t rows = spec_.train.batch;
  const Clock::time_point begin = Clock::now();
  fill_rows(batch, 0, 1, staging);
  const double expected = std::chrono::duration<double>(Clock::now() - begin).count() * static_cast<double>(rows - 1);
  const int64_t threads =
      expected < kWorthThreads ? 1 : std::min<int64_t>(rows - 1, std::clamp(std::thread::hardware_concurrency(), 1u, kMostThreads));
  if (threads <= 1) return fill_rows(batch, 1, rows, staging);
  std::vector<std::exception_ptr> errors(static_cast<size_t>(threads));
  std::vector<std::thread> helpers;
  for (int64_t i = 0; i < threads; ++i) {
    helpers.emplace_back([&, i] {
      try {
        fill_rows(batch, 1 + (rows - 1) * i / threads, 1 + (rows - 1) * (i + 1) / threads, staging);
      } catch (...) {
        errors[static_cast<size_t>(i)] = std::current_exception();
      }
    });
  }
  for (std::thread& helper : helpers) helper.join();
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

int32_t Loader::valid_in(int64_t batch) const {
  return static_cast<int32_t>(std::min(spec_.train.batch, static_cast<int64_t>(order_.size()) - batch * spec_.train.batch));
}

int Loader::next(int32_t* valid) {
  const int64_t batch = current_++;
  const int slot = static_cast<int>(batch % spec_.slots);
  *valid = valid_in(batch);
  if (spec_.slots > 1) {
    if (copied_ == batch) copy_async(batch);
    upload_wait(ctx_);
    // From here on the kernels of the batch before are done, so its slot is free, and this batch's copy, so its staging memory is.
    synchronize(ctx_);
    {
      const std::lock_guard lock(mutex_);
      released_ = batch + 1;
    }
    changed_.notify_all();
    return slot;
  }
  fill(batch, staging_[0]);
  upload(ctx_, arena_ + spec_.input_offset, staging_[0], static_cast<size_t>(spec_.input_bytes));
  if (spec_.label_bytes > 0) upload(ctx_, arena_ + spec_.label_offset, staging_[0] + label_at_, static_cast<size_t>(spec_.label_bytes));
  return slot;
}

void Loader::prefetch() {
  if (spec_.slots > 1 && current_ < batches_ && copied_ == current_) copy_async(current_);
}

void Loader::copy_async(int64_t batch) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return prepared_ > batch || error_; });
    if (error_) std::rethrow_exception(error_);
  }
  const int64_t slot = batch % spec_.slots;
  char* staging = staging_[static_cast<size_t>(slot)];
  upload_async(ctx_, arena_ + spec_.input_offset + slot * slot_stride(spec_.input_bytes), staging, static_cast<size_t>(spec_.input_bytes));
  if (spec_.label_bytes > 0) {
    upload_async(ctx_, arena_ + spec_.label_offset + slot * slot_stride(spec_.label_bytes), staging + label_at_,
                 static_cast<size_t>(spec_.label_bytes));
  }
  copied_ = batch + 1;
}

}  // namespace netrt
