#include "ops/table.h"

#include <algorithm>

#include "ops/rows.h"

namespace netc {
namespace {

const OpDef* find(std::string_view name, bool loss) {
  for (const OpDef* op : op_table()) {
    if (op->is_loss != loss) continue;
    if (op->name.value == name || std::ranges::find(op->aliases, name) != op->aliases.end()) return op;
  }
  return nullptr;
}

}  // namespace

const std::vector<const OpDef*>& op_table() {
  static const std::vector<const OpDef*> table{
      // Convolutions, pooling, resampling
      &ops::conv(), &ops::depthwise(), &ops::deconv(), &ops::upsample(), &ops::pool(), &ops::avgpool(),
      // Fully connected, normalisation
      &ops::fc(), &ops::bn(), &ops::norm(), &ops::rmsnorm(), &ops::groupnorm(), &ops::lrn(),
      // Sequences
      &ops::embed(), &ops::position(), &ops::tokens(), &ops::cls(), &ops::first(), &ops::attn(), &ops::lstm(), &ops::gru(),
      // Activations
      &ops::relu(), &ops::relu6(), &ops::leaky(), &ops::elu(), &ops::gelu(), &ops::silu(), &ops::sigmoid(), &ops::tanh(),
      &ops::hardswish(), &ops::hardsigmoid(), &ops::softmax(),
      // Regularisation and scale
      &ops::drop(), &ops::scale(),
      // Moving channels and pixels
      &ops::flatten(), &ops::shuffle(), &ops::slice(), &ops::padto(), &ops::crop(),
      // Branches
      &ops::add(), &ops::concat(), &ops::mul(),
      // Losses
      &ops::loss_softmax(), &ops::loss_bce(), &ops::loss_mse(),
  };
  return table;
}

const OpDef* find_op(std::string_view name) { return find(name, false); }

const OpDef* find_loss(std::string_view name) { return find(name, true); }

}  // namespace netc
