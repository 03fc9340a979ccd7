// Loss, optimiser, schedule, a training step and main of an emitted PyTorch file.
#include <fmt/format.h>

#include <set>

#include "backend/facts.h"
#include "backend/identifiers.h"
#include "backend/pytorch.h"

namespace netc {

namespace {

bool image(const Shape& shape) { return shape.size() == 3; }

const Shape& scores_shape(const Graph& graph, const TorchTree& tree) {
  return tree.result == kNetworkInput ? graph[graph.input].type.shape : graph.layers[static_cast<size_t>(tree.result)].shape;
}

/// inputs(array) and targets(array): from netc's order of axes.
std::string batch_text(const Graph& graph, const TorchTree& tree) {
  const Type& input = graph[graph.input].type;
  std::string text = "def inputs(array):\n    \"\"\"A batch of the network's input from an array in netc's order of axes";
  if (input.dtype != DType::f32) {
    text += ".\"\"\"\n    return torch.from_numpy(array.astype(np.int64))\n\n\n";
  } else {
    text += "; bytes become 0 to 1.\"\"\"\n    array = array.astype(np.float32) / 255 if array.dtype == np.uint8 else array.astype(np.float32)\n";
    text += fmt::format("    x = torch.from_numpy(array).reshape(-1, {})\n", fmt::join(input.shape, ", "));
    text += image(input.shape) ? "    return x.permute(0, 3, 1, 2)\n\n\n" : "    return x\n\n\n";
  }
  if (!graph.loss.valid() || graph.target == TargetKind::input) return text;
  const Shape& scores = scores_shape(graph, tree);
  text += "def targets(array):\n";
  if (graph.target == TargetKind::class_index) {
    const Shape rows(scores.begin(), scores.end() - 1);
    const bool one = elements(rows).value() == 1;
    text += fmt::format("    \"\"\"Classes for a batch: {}.\"\"\"\n", one ? "one a sample" : "one a row of scores");
    return text + fmt::format("    return torch.from_numpy(array.astype(np.int64)).reshape(-1{})\n\n\n", one ? "" : fmt::format(", {}", fmt::join(rows, ", ")));
  }
  text += "    \"\"\"What the scores should be, from an array in netc's order of axes";
  if (graph.target == TargetKind::one_hot) {
    text += "; whole numbers are classes.\"\"\"\n    if array.dtype.kind in \"iu\" and array.size == len(array):\n";
    text += fmt::format("        array = np.eye({}, dtype=np.float32)[array.reshape(-1)]\n", scores.back());
  } else {
    text += ".\"\"\"\n";
  }
  text += fmt::format("    target = torch.from_numpy(array.astype(np.float32)).reshape(-1, {})\n", fmt::join(scores, ", "));
  return text + (image(scores) ? "    return target.permute(0, 3, 1, 2)\n\n\n" : "    return target\n\n\n");
}

std::string loss_text(const Graph& graph, const TorchTree& tree) {
  std::string call = tree.twins[graph.loss.at()].call;
  for (const auto& [key, name] : {std::pair{"{0}", "scores"}, std::pair{"{1}", "target"}})
    for (size_t at; (at = call.find(key)) != std::string::npos;) call.replace(at, 3, name);
  return fmt::format("def loss(scores, target):\n    return {}\n\n\n", call);
}

/// Which of netc's parameters decay, by the ends of their names where that tells, else by their whole names.
std::string decayed_test(const Graph& graph) {
  std::set<std::string> decayed, others, names;
  for (const Value& value : graph.values) {
    if (value.kind != ValueKind::parameter) continue;
    const std::string suffix = value.name.substr(value.name.rfind('.') + 1);
    const bool does = decays(value, graph.train.decay_scope);
    (does ? decayed : others).insert(suffix);
    if (does) names.insert(value.name);
  }
  if (others.empty() || decayed.empty()) return {};
  bool tells = true;
  for (const std::string& suffix : decayed) tells = tells && !others.contains(suffix);
  const std::set<std::string>& list = tells ? decayed : names;
  return fmt::format("{} in {{\"{}\"}}", tells ? "name.rsplit(\".\", 1)[1]" : "name", fmt::join(list, "\", \""));
}

std::string optimizer_text(const Graph& graph) {
  const TrainSettings& train = graph.train;
  std::string arguments = fmt::format("lr={}", double_literal(train.learning_rate)), name = "SGD";
  if (train.optimizer == OptimizerKind::sgd) {
    if (train.momentum > 0) arguments += fmt::format(", momentum={}", double_literal(train.momentum));
    if (train.nesterov) arguments += ", nesterov=True";
  } else if (train.optimizer == OptimizerKind::rmsprop) {
    name = "RMSprop";
    arguments += fmt::format(", alpha={}, eps={}", double_literal(train.rms_keep), double_literal(train.eps));
    if (train.momentum > 0) arguments += fmt::format(", momentum={}", double_literal(train.momentum));
  } else {
    name = train.optimizer == OptimizerKind::adam ? "Adam" : "AdamW";
    arguments += fmt::format(", betas=({}, {}), eps={}", double_literal(train.beta1), double_literal(train.beta2), double_literal(train.eps));
  }
  constexpr std::string_view scopes[] = {"weights: no bias, no norm", "tensors of two and more axes", "all parameters"};
  const std::string decay = double_literal(train.decay), test = train.decay > 0 ? decayed_test(graph) : "";
  bool any = false;
  for (const Value& value : graph.values) any = any || (value.kind == ValueKind::parameter && decays(value, train.decay_scope));
  const std::string whole = any ? decay : "0.0";
  std::string text = "def make_optimizer(net):\n";
  if (train.decay > 0) text += fmt::format("    \"\"\"Decay on {}.\"\"\"\n", scopes[static_cast<size_t>(train.decay_scope)]);
  if (test.empty()) {
    text += "    groups = [p for p in net.parameters() if p.requires_grad]\n";
    return text + fmt::format("    return torch.optim.{}(groups, {}, weight_decay={})\n\n\n", name, arguments, whole);
  }
  text += "    decayed, others = [], []\n    for name, tensor, *_ in tensors(net):\n        if isinstance(tensor, nn.Parameter) and tensor.requires_grad:\n";
  text += fmt::format("            (decayed if {} else others).append(tensor)\n", test);
  text += fmt::format("    groups = [{{\"params\": decayed, \"weight_decay\": {}}}, {{\"params\": others, \"weight_decay\": 0.0}}]\n", decay);
  return text + fmt::format("    return torch.optim.{}(groups, {})\n\n\n", name, arguments);
}

/// The rate of every step, as runtime/train/schedule.cpp has it.
std::string schedule_text(const TrainSettings& train) {
  const std::string base = double_literal(train.learning_rate), factor = double_literal(train.schedule_factor);
  const bool by_epoch = train.steps == 0;
  const auto steps = [&](double value) { return by_epoch ? fmt::format("{} * steps_per_epoch", double_literal(value)) : double_literal(value); };
  std::string text = "def learning_rate(step, steps_per_epoch, total_steps):\n    \"\"\"The rate of step `step`, counted from 1.\"\"\"\n";
  if (train.schedule == ScheduleKind::constant && train.warmup == 0) return text + fmt::format("    return {}\n\n\n", base);
  text += fmt::format("    done, warmup = step - 1, {}\n", steps(train.warmup));
  if (train.warmup > 0) text += fmt::format("    if done < warmup:\n        return {} * min(1.0, (done + 1) / warmup)\n", base);
  if (train.schedule == ScheduleKind::step)
    return text + fmt::format("    return {} * {} ** (done // max({}, 1.0))\n\n\n", base, factor, steps(train.schedule_every));
  if (train.schedule == ScheduleKind::constant) return text + fmt::format("    return {}\n\n\n", base);
  text += "    part = min(max((done - warmup) / (total_steps - warmup), 0.0), 1.0) if total_steps > warmup else 1.0\n";
  const bool to_zero = train.schedule_factor == 0;
  const std::string share = train.schedule == ScheduleKind::linear ? "(1 - part)" : "(1 + math.cos(math.pi * part)) / 2";
  return text + fmt::format("    return {} * {}\n\n\n", base, to_zero ? share : fmt::format("({} + (1 - {}) * {})", factor, factor, share));
}

std::string step_text(const TrainSettings& train) {
  std::string text = "def train_step(net, optimizer, batches, rate):\n"
      "    \"\"\"One step; `batches` holds (input, target) of each micro-step. Returns the mean loss.\"\"\"\n"
      "    for group in optimizer.param_groups:\n        group[\"lr\"] = rate\n"
      "    optimizer.zero_grad()\n    total = 0.0\n    for x, target in batches:\n"
      "        value = loss(net(x), target) / len(batches)\n        value.backward()\n        total += value.item()\n";
  if (train.clip > 0) text += fmt::format("    nn.utils.clip_grad_norm_(net.parameters(), {})\n", double_literal(train.clip));
  return text + "    optimizer.step()\n    return total\n\n\n";
}

constexpr const char* kMainStart = R"(def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", metavar="FILE", help="a checkpoint of netc (--save) or of this program")
    parser.add_argument("--data", metavar="DIR", help="x_train.npy and y_train.npy, as `from npy` has them; without it random numbers")
    parser.add_argument("--steps", metavar="N", type=int, default=0, help="train so many steps")
    parser.add_argument("--save", metavar="FILE", help="write the weights; netc --load reads them")
    options = parser.parse_args()
    net = Net()
    if options.weights:
        load(net, options.weights)
    print(f"{sum(p.numel() for p in net.parameters()):,} parameters")
    count = BATCH * MICRO_STEPS
    if options.data:
        x = np.load(os.path.join(options.data, "x_train.npy"))
    else:
)";

constexpr const char* kMainScores = R"(    net.eval()
    with torch.no_grad():
        print("scores", tuple(net(inputs(x[:BATCH])).shape))
    if options.save:
        save(net, options.save)


if __name__ == "__main__":
    main()
)";

constexpr const char* kMainSteps = R"(
    def batch(number):
        rows = np.arange(number * BATCH, (number + 1) * BATCH) % len(x)
        return @pair@

    if options.steps == 0:
        net.eval()
        with torch.no_grad():
            first, target = batch(0)
            print(f"loss {loss(net(first), target).item():.6f}")
    optimizer, steps_per_epoch = make_optimizer(net), max(len(x) // count, 1)
    for step in range(1, options.steps + 1):
        rate = learning_rate(step, steps_per_epoch, options.steps)
        micro_steps = range((step - 1) * MICRO_STEPS, step * MICRO_STEPS)
        print(f"step {step} loss {train_step(net, optimizer, [batch(i) for i in micro_steps], rate):.6f}")
    if options.save:
        save(net, options.save)


if __name__ == "__main__":
    main()
)";

}  // namespace

std::string torch_training_text(const Graph& graph, const TorchTree& tree) {
  std::string text = batch_text(graph, tree);
  if (!graph.loss.valid()) return text;
  return text + loss_text(graph, tree) + optimizer_text(graph) + schedule_text(graph.train) + step_text(graph.train);
}

std::string torch_main_text(const Graph& graph, const TorchTree& tree) {
  const Type& input = graph[graph.input].type;
  const Shape& scores = scores_shape(graph, tree);
  const bool loss = graph.loss.valid(), itself = loss && graph.target == TargetKind::input;
  const std::string sizes = fmt::format("{}", fmt::join(input.shape, ", "));
  std::string text = kMainStart;
  text += fmt::format("        x = np.random.{}\n", input.dtype == DType::f32 ? fmt::format("rand(count, {}).astype(np.float32)", sizes)
                                                                             : fmt::format("randint(0, {}, (count, {}))", graph.vocabulary, sizes));
  if (!loss) return text + kMainScores;
  if (!itself) {
    const bool values = graph.target == TargetKind::values;
    const std::string rows = graph.target == TargetKind::class_index ? fmt::format("(count, {})", elements(scores).value() / scores.back()) : "count";
    text += values ? fmt::format("        y = np.random.rand(count, {})\n", fmt::join(scores, ", "))
                   : fmt::format("        y = np.random.randint(0, {}, {})\n", scores.back(), rows);
  }
  std::string rest = kMainSteps;
  const std::string pair = itself ? "inputs(x[rows]), inputs(x[rows])" : "inputs(x[rows]), targets(y[rows])";
  rest.replace(rest.find("@pair@"), 6, pair);
  text.insert(text.find("    else:\n"), itself ? "" : "        y = np.load(os.path.join(options.data, \"y_train.npy\"))\n");
  return text + rest;
}

}  // namespace netc
