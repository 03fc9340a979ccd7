#include "driver/like_command.h"

#include <cstdio>

#include "driver/session.h"
#include "estimate/pytorch_bill.h"
#include "estimate/report.h"

namespace netc {

int like_command(const Options& options) {
  const Gpu* gpu = nullptr;
  if (!find_card(options, gpu)) return kError;
  const Planned planned = plan_file(options, target_of(options, "cuda"), true);
  if (planned.status != kDone) return planned.status;
  const Graph& graph = *planned.made.graph;
  const PytorchBill bill = pytorch_bill(graph, *planned.plan, optimizer_text(graph.train).second, options.memory.value_or(0), gpu);
  std::fputs((options.json ? pytorch_bill_json(bill) : pytorch_bill_text(bill)).c_str(), stdout);
  return bill.fits ? kDone : kDoesNotFit;
}

}  // namespace netc
