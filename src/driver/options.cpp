#include "driver/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "passes/suggest.h"

namespace netc {

namespace {

constexpr const char* kDescription =
    "netc: a compiler for neural networks that says what training takes, exactly, and proves it.\n\n"
    "  netc model.net --estimate            what training takes, layer by layer, and whether it fits\n"
    "  netc model.net --emit-cuda -o DIR    a CUDA/cuDNN training program whose buffers are the estimate's\n"
    "  netc model.net --emit-cpu -o DIR     the same program for the CPU\n"
    "  netc model.net --emit-pytorch        the network as a PyTorch file that reads and writes netc's weights\n"
    "  netc model.net --train               trains here and now, on the CPU\n"
    "  netc model.net --why                 what is alive at the peak, and what would lower it\n"
    "  netc model.net --largest-batch --memory 8GiB\n"
    "                                       the largest batch that fits; --largest-input: the largest picture or sequence\n"
    "  netc --pack problem.csv              packs buffers with given lifetimes and sizes, and proves it where it can\n";

constexpr const char* kFooter =
    "Exit status: 0 done; 1 an error in the file, the data or the command line; 3 the network does not fit in --memory or --gpu,\n"
    "or no packing was found within --capacity.\n"
    "`netc --op conv` explains a layer, `netc --explain N0301` an error. The language: docs/language.md.";

std::string join_command(int argc, char** argv) {
  std::string text = "netc";
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const bool plain =
        !word.empty() && word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%") == std::string::npos;
    text += plain ? " " + word : fmt::format(" '{}'", word);
  }
  return text;
}

/// Collects what CLI11 reads, in the forms Options wants.
struct Reader {
  Options options;
  bool estimate = false, emit_cuda = false, emit_cpu = false, emit_pytorch = false, train = false, gpus = false, pack = false;
  bool largest_batch = false, largest_input = false, why = false;
  std::optional<std::string> fit;
  std::string explain, op, print_after, memory, capacity, workspace, colour = "auto", check_memory;
  std::vector<std::string> sets;
  int64_t batch = 0;

  void add_to(CLI::App& app) {
    app.add_option("model.net", options.file, "the network (docs/language.md)")->type_name("");
    app.add_flag("--estimate", estimate, "print what training takes (the default)")->group("Actions");
    app.add_flag("--emit-cuda", emit_cuda, "write a CUDA/cuDNN training program")->group("Actions");
    app.add_flag("--emit-cpu", emit_cpu, "write the same program for the CPU (oneDNN)")->group("Actions");
    app.add_flag("--emit-pytorch", emit_pytorch, "write the network as a PyTorch file")->group("Actions");
    app.add_flag("--train", train, "train now, on the CPU")->group("Actions");
    app.add_flag("--largest-batch", largest_batch, "find the largest batch that fits in --memory or --gpu")->group("Actions");
    app.add_flag("--largest-input", largest_input, "find the largest input side (or sequence) that fits in --memory or --gpu")->group("Actions");
    app.add_flag("--why", why, "what is alive at the peak, why, and what would lower it most")->group("Actions");
    app.add_flag("--pack", pack, "solve a packing problem: a CSV of id,lower,upper,size (docs/memory.md)")->group("Actions");
    app.add_flag("--gpus", gpus, "list the cards that --gpu knows")->group("Actions");
    app.add_option("--explain", explain, "explain an error code")->type_name("CODE")->group("Actions");
    app.add_option("--op", op, "explain a layer")->type_name("NAME")->group("Actions");
    app.add_option("--print-after", print_after, "print the graph after a pass: resolve, fuse, differentiate, evaluation, plan")
        ->type_name("PASS")
        ->group("Actions");
    add_network(app);
    add_output(app);
    add_training(app);
  }

  void add_network(CLI::App& app) {
    app.add_option("--batch", batch, "samples a (micro-)step, instead of the file's")
        ->type_name("N")
        ->check(CLI::Range(int64_t{1}, int64_t{1} << 40))
        ->group("Network");
    app.add_option("--set", sets, "override a `let`: --set C=512")->type_name("NAME=VALUE")->take_all()->expected(1)->group("Network");
    app.add_option("--memory", memory, "does it fit in this much device memory? 8GiB, 24GB")->type_name("SIZE")->group("Network");
    app.add_option_function<std::string>(
           "--fit", [this](const std::string& size) { fit = size; },
           "find the cheapest way to train in SIZE, or on --gpu: what to make again, how many micro-steps. Alone it prints the choice and a price list; "
           "--estimate, --emit-cuda, --emit-cpu, --train and --print-after use it")
        ->type_name("[SIZE]")
        ->expected(0, 1)
        ->group("Network");
    app.add_option("--gpu", options.gpu, "does it fit on this card? rtx3060; --gpus lists them")->type_name("ID")->group("Network");
    app.add_option("--target", options.target, "plan for cuda (the estimate's default) or cpu")
        ->check(CLI::IsMember({"cuda", "cpu"}))
        ->type_name("TARGET")
        ->group("Network");
    app.add_option("--workspace", workspace, "least scratch of each cuDNN or cuBLASLt call")->type_name("SIZE")->group("Network");
    app.add_option("--like", options.like, "what training takes in another framework, and why: pytorch (docs/like_pytorch.md)")
        ->check(CLI::IsMember({"pytorch"}))
        ->type_name("NAME")
        ->group("Network");
    app.add_flag("--inference", options.inference, "plan the forward pass only")->group("Network");
  }

  void add_output(CLI::App& app) {
    app.add_option("-o,--output", options.output, "the folder or file to write (default: NAME-cuda, NAME-cpu or NAME.py)")->type_name("PATH")->group("Output");
    app.add_flag("--force", options.force, "overwrite emitted files that were edited")->group("Output");
    app.add_flag("--json", options.json, "print the estimate as JSON; errors too")->group("Output");
    app.add_option("--packing", options.packing, "with --estimate: write lifetimes, sizes and offsets as CSV")->type_name("FILE")->group("Output");
    app.add_option("--capacity", capacity, "with --pack: an end at or below this is good enough")->type_name("SIZE")->group("Output");
    app.add_flag("--time", options.time, "with --estimate: the time of a step by layer, by the roofline model, on --gpu's card")->group("Output");
    app.add_flag("--rules", options.rules, "show what the usual rules of thumb would say")->group("Output");
    app.add_option("--color,--colour", colour, "auto, always, never")
        ->check(CLI::IsMember({"auto", "always", "never"}))
        ->type_name("WHEN")
        ->group("Output");
    app.add_flag("--time-passes", options.time_passes, "print the time each pass takes")->group("Output");
  }

  void add_training(CLI::App& app) {
    hand_on(app, "--epochs", "N", "epochs, instead of the file's; 0 only evaluates or samples");
    hand_on(app, "--steps", "N", "stop after so many steps");
    hand_on(app, "--data", "DIR", "where the data lies, instead of the file's");
    hand_on(app, "--seed", "N", "seed of initial weights, order and dropout");
    hand_on(app, "--lr", "X", "learning rate, instead of the file's");
    hand_on(app, "--sample", "N", "when trained, print N tokens drawn from the network");
    hand_on(app, "--temperature", "T", "of the sample: 1 as the network says, 0 the likeliest token");
    hand_on(app, "--prompt", "TEXT", "what the sample goes on from");
    hand_on(app, "--log", "FILE", "write a CSV of losses and accuracies");
    hand_on(app, "--save", "FILE", "write the trained weights (safetensors)");
    hand_on(app, "--load", "FILE", "start from saved weights");
    hand_on_flag(app, "--log-steps", "print the loss of every step");
    hand_on_flag(app, "--dry-run", "allocate, run one step, report the memory");
    hand_on_flag(app, "--quiet", "no progress and no summary");
    app.add_option("--check-memory", check_memory, "print planned and allocated bytes as JSON [and write them to FILE]; a difference fails")
        ->type_name("[FILE]")
        ->expected(0, 1)
        ->default_str("-")
        ->group("Training")
        ->each([this](const std::string& file) { check_memory = file.empty() ? "-" : file; });
    app.add_flag("--guard", options.guard, "check after each kernel that it wrote only its outputs (slow)")->group("Training");
    app.add_option("--trace", options.trace, "write the tensors of every step, and the first one's gradients, as .npy files")->type_name("DIR")->group("Training");
  }

  void hand_on(CLI::App& app, const std::string& name, const char* type, const char* help) {
    app.add_option_function<std::string>(
           name, [this, name](const std::string& value) { options.trainer.push_back(name), options.trainer.push_back(value); }, help)
        ->type_name(type)
        ->group("Training");
  }
  void hand_on_flag(CLI::App& app, const std::string& name, const char* help) {
    app.add_flag_callback(
           name, [this, name] { options.trainer.push_back(name); }, help)
        ->group("Training");
  }

  /// The first mistake of the command line that CLI11 does not see, or nothing.
  std::string finish() {
    if (colour == "always") options.colour = Colour::always;
    if (colour == "never") options.colour = Colour::never;
    const int actions = estimate + emit_cuda + emit_cpu + emit_pytorch + train + pack + gpus + largest_batch + largest_input + why +
                        !explain.empty() + !op.empty() + !print_after.empty();
    if (actions > 1) return "one action at a time: --estimate, --emit-cuda, --emit-cpu, --emit-pytorch, --train, --largest-batch, --largest-input, --why, --pack, --gpus, --explain, --op or --print-after";
    if (emit_cuda) options.action = Action::emit_cuda;
    if (emit_cpu) options.action = Action::emit_cpu;
    if (emit_pytorch) options.action = Action::emit_pytorch;
    if (train) options.action = Action::train;
    if (largest_batch) options.action = Action::largest_batch;
    if (largest_input) options.action = Action::largest_input;
    if (why) options.action = Action::why;
    if (pack) options.action = Action::pack;
    if (gpus) options.action = Action::gpus;
    if (!explain.empty()) options.action = Action::explain, options.subject = explain;
    if (!op.empty()) options.action = Action::op_help, options.subject = op;
    if (!print_after.empty()) options.action = Action::print_after, options.subject = print_after;
    if (const std::string wrong = read_fit(actions == 0); !wrong.empty()) return wrong;
    if (pack && options.file.empty()) return "no problem given: netc --pack problem.csv";
    if (options.file.empty() && !gpus && explain.empty() && op.empty()) return "no network given: netc model.net --estimate (or --help)";
    if ((largest_batch || largest_input) && memory.empty() && options.gpu.empty())
      return fmt::format("--largest-{} wants --memory SIZE or --gpu ID: how much memory is there?", largest_batch ? "batch" : "input");
    if (largest_batch && batch > 0) return "--batch does not go with --largest-batch, which looks for it";
    if (batch > 0) options.batch = batch;
    return sizes_and_sets();
  }

  /// `--fit 8GiB`, `--fit --gpu ID`; in `--fit model.net` the word is no size.
  std::string read_fit(bool alone) {
    if (!fit) return {};
    options.fits = true;
    if (alone) options.action = Action::fit;
    if (!fit->empty() && !parse_size(*fit) && options.file.empty()) options.file = *std::exchange(fit, "");
    if (!fit->empty() && !(options.fit = parse_size(*fit))) return fmt::format("--fit {}: not a size; 8GiB, 24GB and 500MB are", *fit);
    if (!memory.empty()) return "--fit says how much memory there is: leave out --memory";
    if (!options.fit && options.gpu.empty()) return "--fit wants a SIZE or --gpu ID: how much memory is there?";
    if (options.inference) return "--fit is about training: leave out --inference";
    return {};
  }

  std::string sizes_and_sets() {
    if (!memory.empty() && !options.gpu.empty()) return "--memory and --gpu both say how much memory there is: give one";
    if (!memory.empty() && !(options.memory = parse_size(memory))) return fmt::format("--memory {}: not a size; 8GiB, 24GB and 500MB are", memory);
    if (!workspace.empty()) {
      const auto bytes = parse_size(workspace);
      if (!bytes) return fmt::format("--workspace {}: not a size; 64MiB is", workspace);
      options.workspace = *bytes;
    }
    if (options.time && options.target == "cpu") return "--time knows the rates of GPUs, not of this CPU: leave out --target cpu";
    if (!capacity.empty() && !pack) return "--capacity belongs to --pack";
    if (!capacity.empty() && !(options.capacity = parse_size(capacity))) return fmt::format("--capacity {}: not a size; 1048576 and 64MiB are", capacity);
    if (!options.like.empty()) {
      if (options.inference || options.rules) return fmt::format("--like and {} do not go together", options.inference ? "--inference" : "--rules");
      if (options.target == "cpu") return "--like compares with a training step on a GPU: --target cuda";
    }
    if (!options.packing.empty() && options.action != Action::estimate) return "--packing belongs to --estimate";
    for (const std::string& set : sets) {
      const size_t equal = set.find('=');
      char* end = nullptr;
      const std::string value = equal == std::string::npos ? "" : set.substr(equal + 1);
      const double number = std::strtod(value.c_str(), &end);
      if (equal == 0 || value.empty() || *end != '\0' || !std::isfinite(number)) return fmt::format("--set {}: wants NAME=NUMBER", set);
      options.sets[set.substr(0, equal)] = number;
    }
    if (!check_memory.empty()) options.trainer.push_back(check_memory == "-" ? "--check-memory" : "--check-memory=" + check_memory);
    return {};
  }
};

/// An option that the action at hand does not look at: said rather than ignored.
std::string stray_option(const CLI::App& app, const Options& options) {
  using Actions = std::vector<Action>;
  const Action action = options.action;
  const Actions fits{Action::fit, Action::estimate, Action::print_after, Action::emit_cuda, Action::emit_cpu, Action::train};
  Actions rooms{Action::estimate, Action::largest_batch, Action::largest_input};
  if (options.fits) rooms.insert(rooms.end(), fits.begin(), fits.end());
  const Actions plans{Action::estimate, Action::print_after, Action::largest_batch, Action::largest_input, Action::why};
  const Actions emits{Action::estimate, Action::print_after, Action::largest_batch, Action::largest_input, Action::why, Action::fit, Action::emit_cuda};
  const Actions writes{Action::emit_cuda, Action::emit_cpu, Action::emit_pytorch};
  const std::map<std::string_view, std::pair<Actions, std::string_view>> belongs{
      {"--memory", {rooms, "--estimate, --largest-batch and --largest-input"}},
      {"--gpu", {rooms, "--estimate, --largest-batch and --largest-input"}},
      {"--fit", {fits, "--estimate, --emit-cuda, --emit-cpu, --train and --print-after"}},
      {"--like", {{Action::estimate}, "--estimate"}},
      {"--rules", {{Action::estimate}, "--estimate"}},
      {"--time", {{Action::estimate}, "--estimate"}},
      {"--packing", {{Action::estimate}, "--estimate"}},
      {"--capacity", {{Action::pack}, "--pack"}},
      {"--inference", {plans, "--estimate"}},
      {"--workspace", {emits, "--estimate and --emit-cuda"}},
      {"--output", {writes, "--emit-cuda, --emit-cpu and --emit-pytorch"}},
      {"--force", {writes, "--emit-cuda, --emit-cpu and --emit-pytorch"}}};
  for (const CLI::Option* option : app.get_options()) {
    if (option->count() == 0) continue;
    const std::string name = option->get_lnames().empty() ? "" : "--" + option->get_lnames()[0];
    const auto known = belongs.find(name);
    if (option->get_group() == "Training" && action != Action::train) return fmt::format("{} belongs to --train", name);
    if (known != belongs.end() && std::ranges::find(known->second.first, action) == known->second.first.end())
      return fmt::format("{} belongs to {}", name, known->second.second);
  }
  return {};
}

/// "unknown option --epocs, did you mean `--epochs`?"
std::string unknown_words(const CLI::App& app) {
  const std::vector<std::string> words = app.remaining();
  const auto option = std::ranges::find_if(words, [](const std::string& word) { return word.starts_with("-"); });
  if (option == words.end()) return words.empty() ? "the command line cannot be read" : fmt::format("one network at a time: what is `{}`?", words[0]);
  const std::string name = option->substr(0, option->find('='));
  Suggestion suggestion(name);
  for (const CLI::Option* known : app.get_options())
    for (const std::string& word : known->get_lnames()) suggestion.consider("--" + word);
  return fmt::format("unknown option {}; {}", name, suggestion.text("--help lists all"));
}

}  // namespace

std::optional<int64_t> parse_size(const std::string& text) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || !std::isfinite(number) || number < 0) return std::nullopt;
  std::string unit;
  for (; *end; ++end)
    if (*end != ' ') unit += static_cast<char>(std::tolower(static_cast<unsigned char>(*end)));
  constexpr std::string_view prefixes = "kmgt";
  double factor = 1;
  if (!unit.empty() && unit != "b") {
    const size_t power = prefixes.find(unit[0]);
    const std::string rest = unit.substr(1);
    if (power == std::string_view::npos || !(rest.empty() || rest == "ib" || rest == "b")) return std::nullopt;
    factor = std::pow(rest == "b" ? 1000.0 : 1024.0, static_cast<double>(power + 1));
  }
  const double bytes = std::floor(number * factor);
  if (bytes >= 9.2e18) return std::nullopt;
  return static_cast<int64_t>(bytes);
}

std::optional<Options> parse_options(int argc, char** argv, int& status) {
  CLI::App app(kDescription, "netc");
  app.footer(kFooter);
  app.set_version_flag("--version", std::string("netc " NETC_VERSION));
  app.get_formatter()->column_width(32);
  Reader reader;
  reader.add_to(app);
  status = 0;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ExtrasError&) {
    fmt::print(stderr, "error: {}\n", unknown_words(app));
    status = 1;
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    status = app.exit(error) == 0 ? 0 : 1;
    return std::nullopt;
  }
  std::string wrong = reader.finish();
  if (wrong.empty()) wrong = stray_option(app, reader.options);
  if (!wrong.empty()) {
    fmt::print(stderr, "error: {}\n", wrong);
    status = 1;
    return std::nullopt;
  }
  reader.options.command = join_command(argc, argv);
  return reader.options;
}

}  // namespace netc
