// PyTorch's training step: what is kept, when gradients come and go, the optimiser, and the bill.
#include <fmt/format.h>

#include <numeric>

#include "compiled.h"
#include "estimate/pytorch_bill.h"
#include "estimate/report.h"
#include "plan/target.h"

namespace netc {
namespace {

PytorchRun run(const Graph& graph, int64_t batch, PytorchProgram program = {}) {
  program.batch = batch;
  return run_pytorch(graph, program);
}

PytorchRun run(const std::string& text, int64_t batch, PytorchProgram program = {}) { return run(*compile_text(text).graph, batch, program); }

/// torchvision's VGG-16: an average pool behind the convolutions that leaves a 224x224 image's 7x7 as it is. `dropout` as torchvision has it.
std::string vgg16(const std::string& train) {
  return "net vgg16\ninput 224x224x3\n"
         "for c n in (64 2) (128 2) (256 3) (512 3) (512 3) { n * { conv c 3x3 pad; relu }; pool 2x2/2 }\n"
         "avgpool 1x1\n2 * { fc 4096; relu; drop 0.5 }\nfc 1000\nloss softmax\ntrain { " + train + " }\n";
}

TEST_CASE("VGG-16 with Adam: the bytes at the weight gradient of its first fc layer", "[pytorch]") {
  // facts: input + outputs of conv and pool + int64 indices + average pool, its gradient and that of fc1 + scores; weights, two states, three layers'
  // gradients. They count neither the labels nor the loss.
  const Compilation made = compile_text(vgg16("adam 1e-3"));
  for (const int64_t batch : {9, 16, 32, 64, 128}) {
    const PytorchRun step = run(*made.graph, batch, {.holds_scores = true});
    const int64_t labels = 8 * batch, loss = 4;
    CHECK(step.by_moment.at("the backward pass of fc1") - labels - loss == 73'377'696 * batch + 2'154'861'952);
  }
}

TEST_CASE("VGG-16 with Adam: at small batches the optimiser's step is the peak, five times the parameters", "[pytorch]") {
  const Compilation made = compile_text(vgg16("adam 1e-3"));
  const int64_t parameters = int64_t{4} * 138'357'544;
  for (const int64_t batch : {1, 2, 4}) {
    const PytorchRun step = run(*made.graph, batch);
    CHECK(step.moment == "the optimizer's step");
    CHECK(step.tensors == 5 * parameters + batch * (602'112 + 8) + 4);  // and the batch, and the loss
  }
}

TEST_CASE("VGG-16 with Adam: the peak of a large batch is later, at the backward pass of the last full-size relu of 28x28", "[pytorch]") {
  // There the pool's gradient and relu's, 512x28x28 both, outweigh what was freed since fc1: the two last stages' outputs and indices.
  const PytorchRun step = run(vgg16("adam 1e-3"), 64);
  CHECK(step.moment == "the backward pass of relu10");
  const int64_t stage = 3 * 4 * (9 * 512 * 512 + 512);  // the gradients made since
  CHECK(step.tensors == int64_t{64} * (73'658'368 + 8) + 4 + 2'154'861'952 + stage);
}

TEST_CASE("relu is in place unless somebody keeps or reads its input", "[pytorch]") {
  const std::string head = "net n\ninput 8x8x4\n", tail = "\navgpool; fc 2\nloss softmax\n";
  const int64_t image = 4 * 8 * 8 * 4, after = run(head + "conv 4 1x1" + tail, 1).saved;
  CHECK(run(head + "conv 4 1x1; relu" + tail, 1).saved == after + image);           // the result
  CHECK(run(head + "conv 4 1x1; sigmoid; relu" + tail, 1).saved == after + 2 * image);  // sigmoid keeps its result, relu makes another
  CHECK(run(head + "conv 4 1x1; add {} { relu }" + tail, 1).saved == after + image);
  CHECK(run(head + "relu; conv 4 1x1" + tail, 1).saved == after + image);  // over the batch: no; and the conv keeps it
}

TEST_CASE("What autograd keeps, op by op", "[pytorch]") {
  const std::string head = "net n\ninput 8x8x4\nconv 4 1x1 nobias\n", tail = "\navgpool; fc 2\nloss softmax\n";
  const int64_t image = 4 * 8 * 8 * 4, base = run(head + tail, 2).saved;
  const auto more = [&](const std::string& layers) { return run(head + layers + tail, 2).saved - base; };
  CHECK(more("pool 2x2/2") == 2 * image + 2 * 8 * 4 * 4 * 4);  // its input, and an int64 for each output
  CHECK(more("bn") == 2 * image + 2 * 4 * 4);                  // its input and two numbers a channel
  CHECK(more("bn; relu") == 4 * image + 2 * 4 * 4);            // and the result of relu
  CHECK(more("drop 0.5") == 2 * 8 * 8 * 4);                    // a byte an element
  CHECK(more("drop 0") == 0);
  CHECK(more("gelu") == 2 * image);
  CHECK(more("add {} {}") == 0);
  CHECK(more("relu6") == 2 * image);
  CHECK(more("mul {} { sigmoid }") == 2 * 2 * image);          // both factors
}

TEST_CASE("Optimisers: state and temporaries at the step", "[pytorch]") {
  const std::string net = "net n\ninput 1000\nfc 1000 nobias\nloss mse\ntrain { ";
  const int64_t parameters = 4'000'000, rest = 4000 + 4;  // a batch of one, and the loss
  const auto at_step = [&](const std::string& train) { return run(net + train + " }", 1).by_moment.at("the optimizer's step") - rest; };
  CHECK(at_step("sgd 0.1 momentum 0.9") == 3 * parameters);
  CHECK(at_step("sgd 0.1 momentum 0.9 decay 1e-4") == 4 * parameters);
  CHECK(at_step("sgd 0.1 decay 1e-4") == 3 * parameters);
  CHECK(at_step("adam 0.1") == 5 * parameters);
  CHECK(at_step("adam 0.1 decay 1e-4") == 5 * parameters);
  CHECK(at_step("adamw 0.1 decay 1e-4") == 5 * parameters);
  CHECK(at_step("rmsprop 0.1") == 4 * parameters);
  CHECK(at_step("rmsprop 0.1 decay 1e-4") == 5 * parameters);
}

TEST_CASE("A tied weight is one parameter, and its gradients are added in place", "[pytorch]") {
  const std::string head = "net n\ninput 4 tokens 1000\nemb: embed 1000 64\nfc 1000 nobias";
  const PytorchRun tied = run(head + " tie emb\nloss softmax\ntrain { sgd 0.1 }", 1), apart = run(head + "\nloss softmax\ntrain { sgd 0.1 }", 1);
  const int64_t weight = 4 * 1000 * 64;
  CHECK(apart.by_moment.at("the backward pass of emb") - tied.by_moment.at("the backward pass of emb") == weight);
}

TEST_CASE("Micro-steps: gradients stay, a new one is added to and freed", "[pytorch]") {
  const std::string net = "net n\ninput 1000\nfc 1000 nobias\nloss mse\ntrain { sgd 0.1; batch ";
  const PytorchRun one = run(net + "2 }", 2), several = run(net + "3x2 }", 2);
  CHECK(several.tensors - one.tensors == 4'000'000);  // the sum, beside the one just made
}

TEST_CASE("cuBLAS takes a workspace for each of two threads, only where it is used", "[pytorch]") {
  CHECK(pytorch_blas_workspace(90) == 33'554'432);
  CHECK(pytorch_blas_workspace(120) == 33'554'432);
  CHECK(pytorch_blas_workspace(86) == 8'519'680);
  const std::string convs = "net n\ninput 8x8x4\nconv 1 1x1\nloss bce\n", product = "net n\ninput 8x8x4\nfc 4\nloss bce\n";
  const auto extra = [](const std::string& text) { return run(text, 1, {.blas_workspace = 1000}).tensors - run(text, 1).tensors; };
  CHECK(extra(convs) == 0);
  CHECK(extra(product) == 2000);
}

TEST_CASE("Memory that runs out is noticed; cached segments are given back first", "[pytorch]") {
  const Compilation made = compile_file(example_file("simple_cnn"));
  const PytorchRun free = run(*made.graph, 1024);
  CHECK(free.completed);
  const PytorchRun none = run(*made.graph, 1024, {.capacity = free.max_allocated - 1});
  CHECK_FALSE(none.completed);
  CHECK(none.max_reserved < free.max_allocated);
  CHECK(none.moment.starts_with("the "));
  const PytorchRun tight = run(*made.graph, 1024, {.capacity = free.max_reserved - 1});
  CHECK(tight.completed);
  CHECK(tight.max_reserved < free.max_reserved);
  CHECK(tight.tensors == free.tensors);
}

TEST_CASE("The lines of a bill add up to the tensors and to the arena, for every example", "[pytorch]") {
  for (const auto& entry : std::filesystem::directory_iterator(std::string(NETC_SOURCE_DIR) + "/examples")) {
    const std::string name = entry.path().filename().string();
    INFO(name);
    const Compilation made = compile_file(example_file(name));
    const Plan plan = plan_of(*made.graph, cuda_target(0), 2);
    const PytorchBill bill = pytorch_bill(*made.graph, plan, optimizer_text(made.graph->train).second, 0, nullptr);
    int64_t pytorch = 0, netc = 0;
    for (const BillLine& line : bill.lines) pytorch += line.pytorch, netc += line.netc;
    CHECK(pytorch == bill.run.tensors);
    CHECK(netc == plan.arena);
    CHECK(bill.arena == plan.arena);
    CHECK(bill.run.tensors <= bill.run.max_allocated);
    CHECK(bill.run.max_allocated <= bill.run.max_reserved);
    CHECK(bill.rounding >= 0);
  }
}

}  // namespace
}  // namespace netc
