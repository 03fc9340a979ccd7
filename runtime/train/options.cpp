#include "options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string_view>
#include <vector>

namespace netrt {

namespace {

/// A whole number of at least `least`.
template <class T>
T whole(const std::string& option, const std::string& text, T least) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least) {
    throw OptionError(option + " " + text + ": expected a whole number of at least " + std::to_string(least));
  }
  return value;
}

/// A number of at least 0.
double number(const std::string& option, const std::string& text, const std::string& expected = "a number of at least 0") {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value >= 0) || !std::isfinite(value)) {
    throw OptionError(option + " " + text + ": expected " + expected);
  }
  return value;
}

double positive(const std::string& option, const std::string& text) {
  const double value = number(option, text, "a number above 0");
  if (value == 0) throw OptionError(option + " " + text + ": expected a number above 0");
  return value;
}

std::string file_name(const std::string& option, const std::string& text) {
  if (text.empty()) throw OptionError(option + ": expected a name");
  return text;
}

struct Option {
  const char* name;
  const char* value;  ///< what to call the value in the help; "" for none, "[=..." for one that may be left out
  const char* help;
  void (*set)(Options&, const std::string& name, const std::string& value);
};

constexpr Option kOptions[] = {
    {"--epochs", "N", "train for N epochs; 0 only evaluates, with --sample only samples",
     [](Options& o, const std::string& n, const std::string& v) { o.epochs = whole<int64_t>(n, v, 0); }},
    {"--steps", "N", "train for N steps of the optimiser; 0 as for --epochs",
     [](Options& o, const std::string& n, const std::string& v) { o.steps = whole<int64_t>(n, v, 0); }},
    {"--data", "DIR", "where the data are, instead of where the .net says",
     [](Options& o, const std::string& n, const std::string& v) { o.data = file_name(n, v); }},
    {"--seed", "N", "seed of first values, order, augmentation and dropout",
     [](Options& o, const std::string& n, const std::string& v) { o.seed = whole<uint64_t>(n, v, 0); }},
    {"--lr", "X", "learning rate after the warmup", [](Options& o, const std::string& n, const std::string& v) { o.learning_rate = positive(n, v); }},
    {"--save", "FILE", "write a checkpoint (safetensors) after every epoch and at the end",
     [](Options& o, const std::string& n, const std::string& v) { o.save = file_name(n, v); }},
    {"--load", "FILE", "start from a checkpoint; goes on bit for bit where it has the optimiser's state",
     [](Options& o, const std::string& n, const std::string& v) { o.load = file_name(n, v); }},
    {"--sample", "N", "when trained, print N tokens drawn from the network",
     [](Options& o, const std::string& n, const std::string& v) { o.sample = whole<int64_t>(n, v, 1); }},
    {"--temperature", "T", "of the sample: 1 draws as the network says, less more carefully, 0 takes the likeliest",
     [](Options& o, const std::string& n, const std::string& v) { o.temperature = number(n, v); }},
    {"--prompt", "TEXT", "what the sample goes on from; numbers where the tokens are numbers",
     [](Options& o, const std::string&, const std::string& v) { o.prompt = v; }},
    {"--log", "FILE", "write epochs (with --log-steps also steps) as CSV",
     [](Options& o, const std::string& n, const std::string& v) { o.log = file_name(n, v); }},
    {"--log-steps", "", "print the loss of every step", [](Options& o, const std::string&, const std::string&) { o.log_steps = true; }},
    {"--check-memory", "[=FILE]", "print planned and allocated bytes as JSON; fail if they differ",
     [](Options& o, const std::string&, const std::string& v) {
       o.check_memory = true;
       o.memory_file = v;
     }},
    {"--dry-run", "", "allocate, train one step and report memory", [](Options& o, const std::string&, const std::string&) { o.dry_run = true; }},
    {"--quiet", "", "no progress and no summary", [](Options& o, const std::string&, const std::string&) { o.quiet = true; }},
    {"--help", "", "this text", [](Options& o, const std::string&, const std::string&) { o.help = true; }},
};

/// Levenshtein's distance.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t up = row[j];
      row[j] = std::min({up + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0u : 1u)});
      diagonal = up;
    }
  }
  return row.back();
}

[[noreturn]] void unknown(const std::string& word) {
  if (word == "--batch")
    throw OptionError("--batch: the batch is part of the memory plan; change it in the .net, or with netc --batch, and make the program again");
  const Option* nearest = std::min_element(std::begin(kOptions), std::end(kOptions),
                                           [&](const Option& a, const Option& b) { return distance(word, a.name) < distance(word, b.name); });
  std::string message = "unknown option " + word;
  if (distance(word, nearest->name) <= std::max<size_t>(2, word.size() / 3)) message += "; did you mean " + std::string(nearest->name) + "?";
  throw OptionError(message + " (--help lists all)");
}

const Option& find(const std::string& word) {
  for (const Option& option : kOptions) {
    if (word == option.name) return option;
  }
  unknown(word);
}

}  // namespace

Options parse_options(int argc, const char* const* argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    if (name == "-h") {
      options.help = true;
      continue;
    }
    const Option& option = find(name);
    const bool takes_value = option.value[0] != '\0', may_be_left_out = option.value[0] == '[';
    std::string value;
    if (equals != std::string::npos) {
      if (!takes_value) throw OptionError(name + " takes no value");
      value = file_name(name, word.substr(equals + 1));
    } else if (takes_value && !may_be_left_out) {
      if (i + 1 >= argc) throw OptionError(name + " needs a value: " + option.value);
      value = argv[++i];
    }
    option.set(options, name, value);
  }
  if (options.sample == 0 && (!options.prompt.empty() || options.temperature != 1)) {
    throw OptionError("--prompt and --temperature belong to --sample");
  }
  if (options.epochs && options.steps) throw OptionError("--epochs and --steps exclude each other");
  return options;
}

std::string help_text(const ProgramSpec& spec, const std::string& program) {
  std::string text = "Trains the network " + std::string(spec.network) + " (batch " + std::to_string(spec.train.batch) + ").\n\nUsage: " + program +
                     " [options]\n\n";
  for (const Option& option : kOptions) {
    std::string left = std::string("  ") + option.name;
    if (option.value[0] != '\0') left += (option.value[0] == '[' ? "" : " ") + std::string(option.value);
    left.resize(std::max<size_t>(left.size() + 2, 26), ' ');
    text += left + option.help + "\n";
  }
  return text + "\nExit status: 0 trained, 1 an error (or with --check-memory a difference), 130 interrupted (Ctrl-C ends the step and saves).\n";
}

}  // namespace netrt
