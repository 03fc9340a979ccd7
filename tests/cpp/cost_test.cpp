// What kernel calls cost: against counts worked by hand, and the rows' calls against the rows' sums.
#include "plan/cost.h"

#include "compiled.h"
#include "estimate/gpus.h"
#include "ops_support.h"

using namespace netc;

namespace {

/// The nodes of a training step whose kernel is `kernel`.
std::vector<Node> calls_of(const Graph& graph, std::string_view kernel) {
  std::vector<Node> found;
  for (const Node& node : graph.nodes)
    if (node.kernel == kernel) found.push_back(node);
  return found;
}

Node call_of(const Graph& graph, std::string_view kernel) {
  const std::vector<Node> found = calls_of(graph, kernel);
  REQUIRE(found.size() == 1);
  return found[0];
}

double flops_of(const Graph& graph, Phase phase, int64_t batch) {
  double sum = 0;
  for (const Node& node : graph.nodes)
    if (node.phase == phase) sum += node_cost(graph, node, batch).flops;
  return sum;
}

int64_t batched_flops(const Graph& graph, std::string_view kernel) { return static_cast<int64_t>(node_cost(graph, call_of(graph, kernel), 10).flops); }

int64_t bytes_of(const Graph& graph, std::string_view kernel, int64_t batch) {
  return static_cast<int64_t>(node_cost(graph, call_of(graph, kernel), batch).bytes);
}

}  // namespace

TEST_CASE("the forward calls of a layer make the row's multiply-accumulates", "[cost]") {
  for (const OpDef* op : op_table()) {
    for (const Example& example : op->examples.value) {
      INFO(example.source);
      const LoweredExample lowered = lower_example(*op, example);
      const int parts = op->parts != nullptr ? op->parts(lowered.info()) : 1;
      int64_t forward = 0, fewest = INT64_MAX;
      for (int part = 0; part < parts; ++part) {
        const std::vector<Alternative> ways = op->lower.value(lowered.info(part));
        for (const Alternative& way : ways) {
          CHECK(way.forward.work.macs == ways[0].forward.work.macs);
          for (const KernelCall& call : way.backward)
            if (way.forward.work.macs > 0) fewest = std::min(fewest, call.work.macs / way.forward.work.macs);
        }
        forward += ways[0].forward.work.macs;
      }
      const bool causal = example.source.find("causal") != std::string_view::npos;  // what is masked counts in the row, not in the call
      const int64_t t = lowered.inputs[0][0], masked = causal ? t * (t - 1) * lowered.inputs[0][1] : 0;
      CHECK(forward == (op->macs != nullptr ? op->macs(lowered.info()).value() : 0) - masked);
      if (forward > 0) CHECK(fewest >= 1);
    }
  }
}

TEST_CASE("a convolution multiplies the same forward, for its weight and for its input", "[cost]") {
  const Compilation made = compile_text("input 6x6x2\nconv 3 3x3 pad\nconv 4 3x3 nobias\nfc 5\nloss softmax\ntrain { sgd 0.1 momentum 0.9; batch 2 }\n");
  const Graph& graph = *made.graph;
  const std::vector<Node> forward = calls_of(graph, "conv_forward"), weights = calls_of(graph, "conv_backward_weights");
  REQUIRE(forward.size() == 2);
  REQUIRE(weights.size() == 2);
  const double first = 2.0 * 6 * 6 * 3 * 9 * 2, second = 2.0 * 4 * 4 * 4 * 9 * 3, bias = 6 * 6 * 3;
  CHECK(node_cost(graph, forward[0], 10).flops == 10 * (first + bias));
  CHECK(node_cost(graph, weights[1], 10).flops == 10 * (first + bias));  // backward the first layer is the last
  CHECK(node_cost(graph, forward[1], 10).flops == 10 * second);
  CHECK(node_cost(graph, weights[0], 10).flops == 10 * second);
  CHECK(node_cost(graph, call_of(graph, "conv_backward_data"), 10).flops == 10 * second);  // the input of the network needs no gradient
  // The second: reads 6x6x3 a sample and its weight, writes 4x4x4.
  CHECK(node_cost(graph, forward[1], 10).bytes == 4 * (10 * 6 * 6 * 3 + 4 * 9 * 3 + 10 * 4 * 4 * 4));
  // Each of an update's parameters and momenta is read and written, its gradient read; the batch does not matter.
  const Node update = calls_of(graph, "sgd_update").back();
  const int64_t count = elements(graph[update.outputs[0]].type.shape).value();
  CHECK(node_cost(graph, update, 10).bytes == 4 * 5 * static_cast<double>(count));
  CHECK(node_cost(graph, update, 10).flops == 4 * static_cast<double>(count));
  CHECK(node_cost(graph, update, 1).flops == node_cost(graph, update, 1000).flops);
}

TEST_CASE("sums of gradients and undone activations multiply nothing", "[cost]") {
  const Compilation made = compile_text("input 4x4x2\nconv 3 3x3 pad; relu\nadd { conv 3 3x3 pad; relu } { conv 3 1x1 }\nconv 2 3x3\nfc 2\nloss softmax\ntrain { batch 2 }\n");
  const Graph& graph = *made.graph;
  const Node sum = calls_of(graph, "add_forward").back();
  REQUIRE(sum.phase == Phase::backward);
  CHECK(node_cost(graph, sum, 5).flops == 5 * 4 * 4 * 3);
  for (const Node& undo : calls_of(graph, "act_backward_from_output")) CHECK(node_cost(graph, undo, 5).flops == 5 * 4 * 4 * 3);
  CHECK_FALSE(calls_of(graph, "act_backward_from_output").empty());
}

TEST_CASE("attention makes five products backward where it makes two forward, and half of them where it is causal", "[cost]") {
  const auto attention = [](const std::string& words) { return compile_text("input 8x6\nattn 2 nobias " + words + "\nfc 3\nloss softmax\ntrain { batch 2 }\n"); };
  const Compilation whole = attention(""), causal = attention("causal");
  const int64_t softmax = 5 * 2 * 8 * 8;
  CHECK(batched_flops(*whole.graph, "attn_forward") == 10 * (2 * 2 * 8 * 8 * 6 + softmax));
  CHECK(batched_flops(*whole.graph, "attn_backward") == 10 * (2 * 5 * 8 * 8 * 6 + softmax));
  CHECK(batched_flops(*causal.graph, "attn_forward") == 10 * (2 * 2 * 36 * 6 + softmax));
}

TEST_CASE("a recurrence's backward call makes two products", "[cost]") {
  const Compilation made = compile_text("input 7x3\nlstm 5\nfc 2\nloss softmax\ntrain { batch 2 }\n");
  const int64_t product = 2 * 7 * 20 * 5, units = 7 * 5 * (13 + 4);
  CHECK(batched_flops(*made.graph, "lstm_forward") == 10 * (product + units));
  CHECK(batched_flops(*made.graph, "lstm_backward") == 10 * (2 * product + units));
}

TEST_CASE("what moves a part of a tensor moves no more", "[cost]") {
  const Compilation made = compile_text("input 100 tokens 50\nembed 50 8\nfirst\nfc 2\nloss softmax\ntrain { batch 2 }\n");
  const Graph& graph = *made.graph;
  CHECK(bytes_of(graph, "embed_forward", 1) == 4 * (100 + 50 * 8 + 100 * 8));       // the whole table: more tokens than rows
  CHECK(node_cost(graph, calls_of(graph, "place_forward")[0], 3).bytes == 3 * 4 * 2 * 8);  // one token of each sample
  const Compilation large = compile_text("input 4 tokens 50\nembed 50 8\nfc 2\nloss softmax\ntrain { batch 2 }\n");
  CHECK(bytes_of(*large.graph, "embed_forward", 2) == 4 * (2 * 4 + 2 * 4 * 8 + 2 * 4 * 8));  // 8 rows of the table
  CHECK(bytes_of(*large.graph, "embed_backward", 2) == 4 * (2 * 4 + 2 * 4 * 8 + 2 * 2 * 4 * 8));  // and added to

  const Compilation joined = compile_text("input 4x4x2\nconcat { conv 3 1x1 } { conv 5 1x1 }\nfc 2\nloss softmax\ntrain { batch 2 }\n");
  double moved = 0;
  for (const Node& node : calls_of(*joined.graph, "channels_copy"))
    if (node.phase == Phase::forward) moved += node_cost(*joined.graph, node, 3).bytes;
  CHECK(moved == 3 * 4 * 2 * 4 * 4 * 8);  // every channel read once and written once
}

TEST_CASE("vgg16 costs what is published, and a step three times that", "[cost]") {
  const Compilation made = compile_file(example_file("vgg16"));
  const double macs = 15470264320.0, forward = flops_of(*made.graph, Phase::forward, 1), backward = flops_of(*made.graph, Phase::backward, 1);
  double products = 0;
  for (const Node& node : made.graph->nodes)
    if (node.phase == Phase::forward) products += 2 * static_cast<double>(node.work.macs);
  CHECK(products == 2 * macs);
  CHECK(forward > 2 * macs);
  CHECK(forward < 1.01 * 2 * macs);
  const double first = 224.0 * 224 * 64 * 27;  // has no data gradient
  CHECK(backward == Approx(2 * (2 * macs - first)).epsilon(0.01));
}

TEST_CASE("the roofline takes the longer of arithmetic and moving", "[cost]") {
  const Rates rates{10, 2};
  CHECK(roofline_seconds({100, 2}, rates) == 10);
  CHECK(roofline_seconds({10, 20}, rates) == 10);
  const Rates p100 = sustained_rates(*find_gpu("p100"));
  CHECK(p100.flops_per_second == Approx(0.65 * 9.3e12));
  CHECK(p100.bytes_per_second == Approx(0.75 * 732e9));
}
