// Batches on their way to the device.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "data.h"

namespace netrt {

/// The order of the samples in an epoch: Fisher and Yates' shuffle with random numbers of the seed and the epoch.
std::vector<int64_t> shuffled(int64_t count, uint64_t seed, uint64_t epoch);

/// Brings one batch after the other into the program's input slots. With two slots a thread prepares the next batch, and it is copied,
/// while the device works on this one; with one slot a batch is prepared and copied when it is asked for.
class Loader {
 public:
  Loader(Context&, const ProgramSpec&, char* arena);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// Begins a run over `order` (indices into `data`, which must live until the run ends) at batch `first_batch`.
  void start(const Dataset& data, std::vector<int64_t> order, uint64_t epoch, int64_t first_batch = 0);
  int64_t batches_left() const { return batches_ - current_; }
  /// Makes the next batch available to kernels started from now on; returns its slot. `valid` is how many of its samples are real; the
  /// rest, in the last batch only, are zeros. Throws DataError.
  int next(int32_t* valid);
  /// Starts copying the batch after that; call it once the kernels that read the current batch are under way.
  void prefetch();

 private:
  void stop();
  void work();
  void fill(int64_t batch, char* staging) const;
  void fill_rows(int64_t batch, int64_t first_row, int64_t last_row, char* staging) const;
  /// Waits until the thread has prepared `batch`, then copies it into its slot.
  void copy_async(int64_t batch);
  int32_t valid_in(int64_t batch) const;

  Context& ctx_;
  const ProgramSpec& spec_;
  char* arena_;
  int64_t label_at_;                ///< where the labels begin in a staging buffer
  std::vector<char*> staging_;      ///< one a slot

  const Dataset* data_ = nullptr;
  std::vector<int64_t> order_;
  uint64_t epoch_ = 0;
  int64_t batches_ = 0, current_ = 0, copied_ = 0;  ///< batches of the run, batches given out, batches copied

  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int64_t prepared_ = 0, released_ = 0;  ///< batches prepared by the thread; batches whose staging memory is free again
  bool stopping_ = false;
  std::exception_ptr error_;
};

}  // namespace netrt
