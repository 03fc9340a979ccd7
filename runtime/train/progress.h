// What a run tells: a bar on a terminal, a line an epoch, a CSV log, a summary.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "program.h"

namespace netrt {

/// Means over samples. accuracy is meaningless without `has_accuracy` (mse has none).
struct Figures {
  double loss = 0, accuracy = 0, samples = 0;
};

/// One line of the report or the log.
struct Entry {
  int64_t epoch = 0, epochs = 0;  ///< from 1; `epochs` 0 where the run is counted in steps
  int64_t step = 0, steps = 0;
  Figures train;
  bool tested = false;
  Figures test;
  double per_second = 0;          ///< images or tokens (see rate_unit), training alone
};

class Progress {
 public:
  /// `log` is the CSV file's name, empty for none. Throws DataError where it cannot be written.
  Progress(const ProgramSpec&, bool quiet, const std::string& log);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// True where a bar is shown and a quarter of a second has passed since it was drawn: only then are its figures worth reading.
  bool due() const;
  void draw(const Entry&, double seconds_left);
  /// Prints and logs one step (--log-steps).
  void step(const Entry&);
  /// Prints and logs an epoch.
  void epoch(const Entry&);
  /// Prints a line of text, unless quiet.
  void line(const std::string& text);

 private:
  using Clock = std::chrono::steady_clock;
  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  void clear();
  void write_log(const Entry&);

  bool quiet_, bar_, has_accuracy_, drawn_ = false;
  const char* unit_;
  Clock::time_point last_;
  std::string log_name_;
  std::unique_ptr<std::FILE, Closer> log_;
};

/// Whether the loss has an accuracy: softmax the share of rows, bce the share of right signs, mse none.
bool has_accuracy(const ProgramSpec&);

/// What speed is counted in: images, or tokens where the input is tokens.
const char* rate_unit(const ProgramSpec&);

}  // namespace netrt
