#include "progress.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstring>

#include "data.h"

namespace netrt {

namespace {

constexpr std::chrono::milliseconds kBetweenDraws{250};

__attribute__((format(printf, 1, 2))) std::string text(const char* format, ...) {
  char buffer[256];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(buffer, sizeof buffer, format, arguments);
  va_end(arguments);
  return buffer;
}

/// 75 -> "1:15", 3700 -> "1:01:40".
std::string time_text(double seconds) {
  const auto whole = static_cast<int64_t>(std::clamp(seconds, 0.0, 1e8));
  if (whole < 3600) return text("%d:%02d", static_cast<int>(whole / 60), static_cast<int>(whole % 60));
  return text("%d:%02d:%02d", static_cast<int>(whole / 3600), static_cast<int>(whole / 60 % 60), static_cast<int>(whole % 60));
}

std::string position(const Entry& entry) {
  return entry.epochs > 0 ? "epoch " + std::to_string(entry.epoch) + "/" + std::to_string(entry.epochs) : "epoch " + std::to_string(entry.epoch);
}

}  // namespace

bool has_accuracy(const ProgramSpec& spec) { return std::strcmp(spec.loss, "mse") != 0; }

const char* rate_unit(const ProgramSpec& spec) { return spec.data.vocabulary > 0 ? "tokens" : "images"; }

Progress::Progress(const ProgramSpec& spec, bool quiet, const std::string& log)
    : quiet_(quiet), bar_(!quiet && isatty(STDERR_FILENO) != 0), has_accuracy_(has_accuracy(spec)), unit_(rate_unit(spec)),
      last_(Clock::now()), log_name_(log) {
  if (log.empty()) return;
  log_.reset(std::fopen(log.c_str(), "w"));
  if (!log_) throw DataError(log + ": cannot be written: " + std::strerror(errno));
  std::fprintf(log_.get(), "epoch,step,loss,accuracy,test_loss,test_accuracy,%s_per_second\n", unit_);
}

Progress::~Progress() { clear(); }

bool Progress::due() const { return bar_ && Clock::now() - last_ >= kBetweenDraws; }

void Progress::clear() {
  if (!drawn_) return;
  std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
  drawn_ = false;
}

void Progress::draw(const Entry& entry, double seconds_left) {
  constexpr int kWidth = 24;
  const double done = static_cast<double>(entry.step) / static_cast<double>(std::max<int64_t>(1, entry.steps));
  const int filled = static_cast<int>(done * kWidth);
  std::string bar = "\r\033[K[" + std::string(static_cast<size_t>(filled), '#') + std::string(static_cast<size_t>(kWidth - filled), '.') + "] ";
  bar += text("%3.0f%% ", 100 * done) + position(entry) + text("  loss %.4f", entry.train.loss);
  if (has_accuracy_) bar += text("  accuracy %.4f", entry.train.accuracy);
  bar += text("  %.0f %s/s  %s left", entry.per_second, unit_, time_text(seconds_left).c_str());
  std::fputs(bar.c_str(), stderr);
  std::fflush(stderr);
  drawn_ = true;
  last_ = Clock::now();
}

void Progress::step(const Entry& entry) {
  clear();
  std::printf("step %lld loss %.9g\n", static_cast<long long>(entry.step), entry.train.loss);
  std::fflush(stdout);
  write_log(entry);
}

void Progress::epoch(const Entry& entry) {
  std::string out = position(entry) + "  step " + std::to_string(entry.step) + text("  loss %.9g", entry.train.loss);
  if (has_accuracy_) out += text("  accuracy %.4f", entry.train.accuracy);
  if (entry.tested) {
    out += text("  test loss %.9g", entry.test.loss);
    if (has_accuracy_) out += text("  test accuracy %.4f", entry.test.accuracy);
  }
  line(out + text("  %.0f %s/s", entry.per_second, unit_));
  write_log(entry);
}

void Progress::line(const std::string& words) {
  clear();
  if (quiet_) return;
  std::puts(words.c_str());
  std::fflush(stdout);
}

void Progress::write_log(const Entry& entry) {
  if (!log_) return;
  std::string row = std::to_string(entry.epoch) + "," + std::to_string(entry.step) + text(",%.9g,", entry.train.loss);
  if (has_accuracy_) row += text("%.9g", entry.train.accuracy);
  row += entry.tested ? text(",%.9g,", entry.test.loss) : ",,";
  if (entry.tested && has_accuracy_) row += text("%.9g", entry.test.accuracy);
  row += text(",%.1f\n", entry.per_second);
  if (std::fputs(row.c_str(), log_.get()) < 0 || std::fflush(log_.get()) != 0) {
    throw DataError(log_name_ + ": cannot be written: " + std::strerror(errno));
  }
}

}  // namespace netrt
