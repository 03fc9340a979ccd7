// The training loop, the same for every network and device.
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <numeric>
#include <utility>

#include "checkpoint.h"
#include "data.h"
#include "init.h"
#include "kernels.h"
#include "loader.h"
#include "memory.h"
#include "options.h"
#include "progress.h"
#include "sample.h"
#include "schedule.h"

namespace netrt {

namespace {

constexpr int kInterrupted = 130;  // 128 + SIGINT, as shells have it

volatile std::sig_atomic_t interrupted = 0;

/// While it lives Ctrl-C asks for an end after the step; a second Ctrl-C ends the program at once.
class InterruptGuard {
 public:
  InterruptGuard() {
    interrupted = 0;
    struct sigaction action {};
    action.sa_handler = [](int) { interrupted = 1; };
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigaction(SIGINT, &action, &before_);
  }
  ~InterruptGuard() { sigaction(SIGINT, &before_, nullptr); }

 private:
  struct sigaction before_ {};
};

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// The program's one allocation.
class Arena {
 public:
  Arena(Context& ctx, size_t bytes) : ctx_(ctx), data_(static_cast<char*>(device_allocate(ctx, bytes))) {}
  ~Arena() { device_free(ctx_, data_); }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  char* data() const { return data_; }

 private:
  Context& ctx_;
  char* data_;
};

/// The slots hold what the data give; a plan and a data spec that disagree would overrun them.
void check_slots(const ProgramSpec& spec) {
  const int64_t input = spec.train.batch * spec.data.h * spec.data.w * spec.data.c * int64_t{4};  // floats or int32
  const int64_t labels = spec.train.batch * target_bytes(spec.data);
  if (input != spec.input_bytes) fail("the input's slot has " + std::to_string(spec.input_bytes) + " bytes, a batch needs " + std::to_string(input));
  if (labels != spec.label_bytes && !(spec.label_bytes == 0 && spec.data.target == TargetKind::input)) {
    fail("the labels' slot has " + std::to_string(spec.label_bytes) + " bytes, a batch needs " + std::to_string(labels));
  }
}

/// First values by the seed, then the checkpoint's where one is loaded.
void set_tensors(Context& ctx, char* arena, const ProgramSpec& spec, const Options& options, uint64_t seed) {
  for (const Tensor& tensor : spec.tensors) initialize(ctx, arena, tensor, seed);
  if (!options.load.empty()) load_checkpoint(ctx, arena, spec, options.load);
  run_state(ctx).seed = seed;
}

class Trainer {
 public:
  Trainer(const ProgramSpec& spec, const Steps& steps, const Options& options, const TrainingState& state, const Dataset& train, const Dataset& test,
          Context& ctx, char* arena)
      : spec_(spec), steps_(steps), options_(options), train_(train), test_(test), ctx_(ctx), arena_(arena), loader_(ctx, spec, arena),
        progress_(spec, options.quiet, options.log), state_(state) {
    count_steps();
    steps_.bind(ctx_, arena_);
    set_tensors(ctx_, arena_, spec_, options_, state_.seed);
    schedule_ = make_schedule(spec.train, options.learning_rate.value_or(spec.train.learning_rate), steps_per_epoch_, total_steps_);
    if (options.dry_run) total_steps_ = state_.step + 1;
    if (options.sample > 0) sampler_ = std::make_unique<Sampler>(ctx_, arena_, spec_, steps_, options_);
    describe_data();
  }

  int run() {
    const InterruptGuard guard;
    bool stopped = false, evaluated = false;
    while (state_.step < total_steps_ && !stopped && interrupted == 0) {
      Entry entry = train_epoch();
      if (options_.dry_run) break;
      const bool last = state_.step >= total_steps_;
      evaluated = interrupted == 0 && (last || entry.epoch % std::max<int64_t>(1, spec_.train.validate_every) == 0);
      if (evaluated) {
        evaluate(entry);
        stopped = spec_.train.stop_after > 0 && state_.worse >= spec_.train.stop_after;
        if (stopped && !last) progress_.line("stopped early: no better in " + std::to_string(state_.worse) + " evaluations");
      }
      progress_.epoch(entry);
      save();
    }
    return finish(evaluated);
  }

 private:
  void count_steps() {
    const int64_t samples = spec_.train.batch * spec_.train.micro_steps;
    steps_per_epoch_ = train_.size() / samples;
    if (steps_per_epoch_ < 1) {
      throw DataError("the training data have " + std::to_string(train_.size()) + " samples, fewer than one step's " + std::to_string(samples) +
                      " (batch " + std::to_string(spec_.train.batch) + " x " + std::to_string(spec_.train.micro_steps) + " micro-steps)");
    }
    if (options_.steps || (!options_.epochs && spec_.train.steps > 0)) {
      total_steps_ = options_.steps.value_or(spec_.train.steps);
      return;
    }
    epochs_ = options_.epochs.value_or(std::max<int64_t>(1, spec_.train.epochs));
    if (__builtin_mul_overflow(epochs_, steps_per_epoch_, &total_steps_)) throw DataError(std::to_string(epochs_) + " epochs are too many");
  }

  /// Of tokens: what a network that knows only their frequencies could reach.
  void describe_data() {
    if (!next_token_targets(spec_.data)) return;
    char text[200];
    std::snprintf(text, sizeof text, "%lld training and %lld test sequences of %lld tokens, unigram entropy %.4f nats",
                  static_cast<long long>(train_.size()), static_cast<long long>(test_.size()), static_cast<long long>(spec_.data.c),
                  unigram_entropy(train_, spec_.data));
    progress_.line(text);
  }

  void reset_metrics() {
    const Metrics zero{};
    upload(ctx_, arena_ + spec_.metrics_offset, &zero, sizeof zero);
  }

  Metrics read_metrics() {
    Metrics metrics{};
    download(ctx_, &metrics, arena_ + spec_.metrics_offset, sizeof metrics);
    return metrics;
  }

  /// The means of what was added to the metrics since `before`.
  static Figures figures(const Metrics& now, const Metrics& before) {
    Figures out;
    out.samples = now.samples - before.samples;
    if (out.samples == 0) return out;
    out.loss = (now.loss_sum - before.loss_sum) / out.samples;
    out.accuracy = (now.correct - before.correct) / out.samples;
    return out;
  }

  void train_step() {
    RunState& run = run_state(ctx_);
    run.step = state_.step + 1;
    run.learning_rate = learning_rate(schedule_, run.step);
    for (int64_t micro = 0; micro < spec_.train.micro_steps; ++micro) {
      run.micro_step = state_.step * spec_.train.micro_steps + micro + 1;
      const int slot = loader_.next(&run.valid);
      if (micro == 0 && steps_.begin) steps_.begin(ctx_);
      steps_.micro(ctx_, slot);
      loader_.prefetch();
    }
    if (steps_.update) steps_.update(ctx_);
    ++state_.step;
  }

  Entry train_epoch() {
    const int64_t epoch = state_.step / steps_per_epoch_, first = state_.step % steps_per_epoch_, begin = state_.step;
    const int64_t end = std::min(total_steps_, (epoch + 1) * steps_per_epoch_);
    std::vector<int64_t> order = shuffled(train_.size(), state_.seed, static_cast<uint64_t>(epoch));
    order.resize(static_cast<size_t>(steps_per_epoch_ * spec_.train.micro_steps * spec_.train.batch));
    reset_metrics();
    const Stopwatch watch;
    loader_.start(train_, std::move(order), static_cast<uint64_t>(epoch), first * spec_.train.micro_steps);
    Entry entry;
    entry.epoch = epoch + 1;
    entry.epochs = epochs_;
    entry.steps = total_steps_;
    Metrics before{};
    while (state_.step < end && interrupted == 0) {
      train_step();
      entry.step = state_.step;
      if (options_.log_steps) {
        const Metrics now = read_metrics();
        entry.train = figures(now, before);
        before = now;
        entry.per_second = rate(state_.step - begin, watch.seconds());
        progress_.step(entry);
      } else if (progress_.due()) {
        entry.train = figures(read_metrics(), {});
        entry.per_second = rate(state_.step - begin, watch.seconds());
        progress_.draw(entry, static_cast<double>(total_steps_ - state_.step) * watch.seconds() / static_cast<double>(state_.step - begin));
      }
    }
    entry.train = figures(read_metrics(), {});  // waits for the device, so the time is the step's own
    const double seconds = watch.seconds();
    seconds_ += seconds;
    steps_done_ += state_.step - begin;
    entry.per_second = rate(state_.step - begin, seconds);
    if (!std::isfinite(entry.train.loss)) std::fprintf(stderr, "warning: the loss is not finite; a lower learning rate may help\n");
    memory_ = measure_memory(ctx_, static_cast<int64_t>(spec_.arena_bytes), memory_);
    return entry;
  }

  double rate(int64_t steps, double seconds) const {
    const int64_t units = spec_.data.vocabulary > 0 ? spec_.data.c : 1;
    return static_cast<double>(steps * spec_.train.batch * spec_.train.micro_steps * units) / std::max(seconds, 1e-9);
  }

  /// Over the whole test split, without augmentation's chance.
  Figures test_figures() {
    std::vector<int64_t> order(static_cast<size_t>(test_.size()));
    std::iota(order.begin(), order.end(), int64_t{0});
    reset_metrics();
    loader_.start(test_, std::move(order), 0);
    while (loader_.batches_left() > 0) {
      const int slot = loader_.next(&run_state(ctx_).valid);
      steps_.evaluate(ctx_, slot);
      loader_.prefetch();
    }
    return figures(read_metrics(), {});
  }

  /// What early stopping compares: the accuracy, or where there is none the loss with its sign changed.
  double score(const Figures& test) const { return has_accuracy(spec_) ? test.accuracy : -test.loss; }

  void evaluate(Entry& entry) {
    entry.test = last_test_ = test_figures();
    entry.tested = true;
    if (state_.evaluations++ == 0 || score(entry.test) > state_.best) {
      state_.best = score(entry.test);
      state_.worse = 0;
    } else {
      ++state_.worse;
    }
  }

  void save() {
    if (!options_.save.empty()) save_checkpoint(ctx_, arena_, spec_, state_, options_.save);
  }

  int finish(bool evaluated) {
    if (!options_.dry_run && interrupted == 0 && !evaluated) last_test_ = test_figures();
    memory_ = measure_memory(ctx_, static_cast<int64_t>(spec_.arena_bytes), memory_);
    summarize();
    if (sampler_ && interrupted == 0) sampler_->print(state_.seed, stdout);
    if (options_.check_memory) {
      const std::string json = memory_json(memory_);
      std::printf("%s\n", json.c_str());
      std::fflush(stdout);
      if (!options_.memory_file.empty()) {
        std::ofstream out(options_.memory_file);
        out << json << "\n";
        out.close();
        if (!out) throw DataError(options_.memory_file + ": cannot be written: " + std::strerror(errno));
      }
    }
    if (options_.check_memory && memory_.allocated != memory_.planned) {
      std::fprintf(stderr, "error: allocated %lld bytes, planned %lld\n", static_cast<long long>(memory_.allocated),
                   static_cast<long long>(memory_.planned));
      return 1;
    }
    return interrupted != 0 && state_.step < total_steps_ ? kInterrupted : 0;
  }

  void summarize() {
    char text[200];
    if (interrupted != 0)
      progress_.line("interrupted after step " + std::to_string(state_.step) + (options_.save.empty() ? "" : "; saved to " + options_.save));
    if (last_test_.samples > 0) {
      if (has_accuracy(spec_)) {
        std::snprintf(text, sizeof text, "test accuracy %.4f (best %.4f), test loss %.9g", last_test_.accuracy,
                      std::max(state_.best, last_test_.accuracy), last_test_.loss);
      } else {
        std::snprintf(text, sizeof text, "test loss %.9g", last_test_.loss);
      }
      std::string line = text;
      if (next_token_targets(spec_.data)) {
        std::snprintf(text, sizeof text, ": perplexity %.4g, %.4g bits a token", std::exp(last_test_.loss), last_test_.loss / std::log(2.0));
        line += text;
      }
      progress_.line(line);
    }
    if (steps_done_ > 0) {
      std::snprintf(text, sizeof text, "trained %lld steps in %.1f s, %.0f %s/s", static_cast<long long>(steps_done_), seconds_,
                    rate(steps_done_, seconds_), rate_unit(spec_));
      progress_.line(text);
    }
    progress_.line(memory_line(memory_));
  }

  const ProgramSpec& spec_;
  const Steps& steps_;
  const Options& options_;
  const Dataset& train_;
  const Dataset& test_;
  Context& ctx_;
  char* arena_;
  Loader loader_;
  Progress progress_;
  TrainingState state_;
  Schedule schedule_;
  MemoryReport memory_;
  Figures last_test_;
  std::unique_ptr<Sampler> sampler_;  ///< where --sample is given
  int64_t steps_per_epoch_ = 0, total_steps_ = 0, steps_done_ = 0;
  int64_t epochs_ = 0;  ///< 0 where the run is counted in steps
  double seconds_ = 0;  ///< spent training
};

/// Where to begin: at the start, or where the loaded checkpoint's run stood. The seed decides data too, so this comes first.
TrainingState first_state(const ProgramSpec& spec, const Options& options) {
  TrainingState state;
  state.seed = options.seed.value_or(spec.train.seed);
  if (options.load.empty()) return state;
  const auto loaded = checkpoint_state(options.load);
  if (!loaded) return state;
  if (options.seed && *options.seed != loaded->seed) {
    throw DataError(options.load + ": its run has seed " + std::to_string(loaded->seed) + "; it cannot go on with another");
  }
  return *loaded;
}

/// Needs no data.
int sample_only(const ProgramSpec& spec, const Steps& steps, const Options& options, uint64_t seed) {
  const ContextPtr ctx = make_context();
  const Arena arena(*ctx, spec.arena_bytes);
  steps.bind(*ctx, arena.data());
  set_tensors(*ctx, arena.data(), spec, options, seed);
  Sampler(*ctx, arena.data(), spec, steps, options).print(seed, stdout);
  return 0;
}

int train(const ProgramSpec& spec, const Steps& steps, const Options& options) {
  check_slots(spec);
  const TrainingState state = first_state(spec, options);
  if (options.sample > 0 && (options.steps == 0 || options.epochs == 0)) return sample_only(spec, steps, options, state.seed);
  const auto train_data = open_dataset(spec.data, options.data, Split::train, state.seed);
  const auto test_data = open_dataset(spec.data, options.data, Split::test, state.seed);
  const ContextPtr ctx = make_context();
  const Arena arena(*ctx, spec.arena_bytes);
  Trainer trainer(spec, steps, options, state, *train_data, *test_data, *ctx, arena.data());
  return trainer.run();
}

}  // namespace

int train_main(const ProgramSpec& spec, const Steps& steps, int argc, char** argv) {
  try {
    const Options options = parse_options(argc, argv);
    if (options.help) {
      std::fputs(help_text(spec, argc > 0 ? argv[0] : spec.network).c_str(), stdout);
      return 0;
    }
    return train(spec, steps, options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}

}  // namespace netrt
