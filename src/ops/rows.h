// The rows of the table: one function an op, each in the file of its name (activations in activation.cpp, losses in loss.cpp).
#pragma once

#include "ir/op.h"

namespace netc::ops {

const OpDef& conv();
const OpDef& depthwise();
const OpDef& deconv();
const OpDef& upsample();
const OpDef& pool();
const OpDef& avgpool();
const OpDef& fc();
const OpDef& embed();
const OpDef& lstm();
const OpDef& gru();
const OpDef& position();
const OpDef& tokens();
const OpDef& cls();
const OpDef& first();
const OpDef& attn();
const OpDef& bn();
const OpDef& norm();
const OpDef& rmsnorm();
const OpDef& groupnorm();
const OpDef& lrn();
const OpDef& relu();
const OpDef& relu6();
const OpDef& leaky();
const OpDef& elu();
const OpDef& gelu();
const OpDef& silu();
const OpDef& sigmoid();
const OpDef& tanh();
const OpDef& hardswish();
const OpDef& hardsigmoid();
const OpDef& softmax();
const OpDef& drop();
const OpDef& scale();
const OpDef& flatten();
const OpDef& shuffle();
const OpDef& slice();
const OpDef& padto();
const OpDef& crop();
const OpDef& add();
const OpDef& concat();
const OpDef& mul();
const OpDef& loss_softmax();
const OpDef& loss_bce();
const OpDef& loss_mse();

}  // namespace netc::ops
