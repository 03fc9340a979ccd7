#include "fit/problem.h"

#include <algorithm>

#include "plan/plan.h"

namespace netc {

FitProblem fit_problem(const Graph& graph, const Target& target, int64_t batch, const Rates& rates) {
  FitProblem problem{graph, target, batch, forward_pass(graph), LiveBytes(graph, target, batch)};
  for (const ForwardTensor& tensor : problem.pass.tensors)
    problem.bytes.push_back(round_up(type_bytes(graph[tensor.value].type, batch), kAlignment).value());
  problem.persistent = problem.live.always();
  problem.last_read.assign(problem.pass.tensors.size(), -1);
  const StepCost whole = step_cost(graph, batch, rates);
  problem.step_seconds = whole.seconds;
  problem.step_flops = whole.flops;
  problem.dropped = labelled(graph, problem.pass, graph.train.recompute);
  const auto micro_steps = static_cast<double>(graph.train.micro_steps);
  problem.reruns.resize(static_cast<size_t>(problem.pass.forward_nodes));
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.phase == Phase::backward)
      for (ValueId input : node.inputs)
        if (const int tensor = problem.pass.tensor(graph, input); tensor >= 0) problem.last_read[static_cast<size_t>(tensor)] = static_cast<int>(i);
    if (node.phase != Phase::forward) continue;
    problem.loss = static_cast<int>(i);
    const Node& second = again(graph, static_cast<int>(i));
    const Cost again_cost = node_cost(graph, second, batch);
    Rerun& rerun = problem.reruns[i];
    rerun.seconds = micro_steps * roofline_seconds(again_cost, rates);
    rerun.flops = micro_steps * again_cost.flops;
    for (ValueId input : second.inputs)
      if (const int tensor = problem.pass.tensor(graph, input); tensor >= 0) rerun.reads.push_back(tensor);
  }
  return problem;
}

double seconds_to_make(const FitProblem& problem, size_t tensor) {
  double seconds = 0;
  for (int maker : problem.pass.tensors[tensor].makers) seconds += problem.reruns[static_cast<size_t>(maker)].seconds;
  return seconds;
}

StepCost step_cost(const Graph& graph, int64_t batch, const Rates& rates) {
  StepCost sum;
  for (const Node& node : graph.nodes) {
    const double times = node.section == Section::micro ? static_cast<double>(graph.train.micro_steps) : 1;
    const Cost cost = node_cost(graph, node, batch);
    sum.seconds += times * roofline_seconds(cost, rates);
    sum.flops += times * cost.flops;
  }
  return sum;
}

Keep keep_most(const FitProblem& problem) {
  Keep keep = keep_all(problem.pass);
  for (size_t i = 0; i < keep.size(); ++i) keep[i] = keep[i] && !problem.dropped[i];
  return keep;
}

std::vector<bool> made_again(const FitProblem& problem, const Keep& keep) {
  std::vector<bool> made(keep.size(), false);
  std::vector<int> waiting;
  for (size_t i = 0; i < keep.size(); ++i)
    if (problem.pass.tensors[i].read_backward && !keep[i]) made[i] = true, waiting.push_back(static_cast<int>(i));
  while (!waiting.empty()) {
    const int tensor = waiting.back();
    waiting.pop_back();
    for (int maker : problem.pass.tensors[static_cast<size_t>(tensor)].makers)
      for (int read : problem.reruns[static_cast<size_t>(maker)].reads) {
        const auto at = static_cast<size_t>(read);
        if (keep[at] || made[at]) continue;
        made[at] = true;
        waiting.push_back(read);
      }
  }
  return made;
}

Choice measure(const FitProblem& problem, Keep keep) {
  Choice choice;
  const std::vector<bool> made = made_again(problem, keep);
  std::vector<bool> runs(problem.reruns.size(), false);
  for (size_t i = 0; i < made.size(); ++i)
    if (made[i])
      for (int maker : problem.pass.tensors[i].makers) runs[static_cast<size_t>(maker)] = true;
  for (size_t i = 0; i < runs.size(); ++i) {
    if (!runs[i]) continue;
    choice.seconds += problem.reruns[i].seconds;
    choice.flops += problem.reruns[i].flops;
  }
  const Remade remade = remake(problem.graph, problem.pass, keep);
  const LivenessBound peak = problem.live.peak(remade.nodes, remade.copy_of);
  choice.peak = problem.persistent + peak.bytes;
  choice.position = peak.position;
  choice.keep = std::move(keep);
  return choice;
}

}  // namespace netc
