// The activations as formulas of one number, the same on the host and on the device: PyTorch's definitions, value and derivative.
#pragma once

#include "elementary.h"
#include "kernels.h"

namespace netrt {

/// The logistic function without overflow: exp is only taken of numbers that are not positive.
NETRT_HD inline float logistic(float x) {
  const float e = vector_exp(x < 0 ? x : -x);
  return (x < 0 ? e : 1.0f) / (1.0f + e);
}

/// x clamped to [0, 6]; a NaN stays one, so that a diverged network shows.
NETRT_HD inline float clamp06(float x) { return x < 0.0f ? 0.0f : (x > 6.0f ? 6.0f : x); }

/// The inner function of tanh-approximated GELU: sqrt(2/pi) * (x + 0.044715 x^3).
NETRT_HD inline float gelu_inner(float x) { return 0.79788456080286536f * (x + 0.044715f * x * x * x); }

/// activation(x). `alpha`: leaky's slope, elu's scale, unused by the others.
NETRT_HD inline float activation_value(Activation activation, float alpha, float x) {
  switch (activation) {
    case Activation::none: return x;
    case Activation::relu: return x < 0.0f ? 0.0f : x;
    case Activation::relu6: return clamp06(x);
    case Activation::leaky: return x > 0.0f ? x : x * alpha;
    case Activation::elu: return x > 0.0f ? x : alpha * vector_expm1(x);
    case Activation::gelu_erf: return 0.5f * x * (1.0f + vector_erf(x * 0.70710678118654752f));
    case Activation::gelu_tanh: return 0.5f * x * (1.0f + vector_tanh(gelu_inner(x)));
    case Activation::silu: return x * logistic(x);
    case Activation::sigmoid: return logistic(x);
    case Activation::tanh: return vector_tanh(x);
    case Activation::hardswish: return x * clamp06(x + 3.0f) / 6.0f;
    case Activation::hardsigmoid: return clamp06(x + 3.0f) / 6.0f;
  }
  return x;
}

/// The mask bit of kernels.h: whether x lies where the derivative of a relu-like activation is not its "off" value. hardsigmoid: of the sum as
/// rounded, as its value is, so that the output tells the bit.
NETRT_HD inline bool activation_mask(Activation activation, float x) {
  switch (activation) {
    case Activation::relu:
    case Activation::leaky: return x > 0.0f;
    case Activation::relu6: return x > 0.0f && x < 6.0f;
    case Activation::hardsigmoid: return x + 3.0f > 0.0f && x + 3.0f < 6.0f;
    default: return true;
  }
}

/// The same bit from the output y, for every x: where x is on, so is y (leaky's slope is not negative).
NETRT_HD inline bool activation_mask_from_output(Activation activation, float y) {
  return activation == Activation::hardsigmoid ? y > 0.0f && y < 1.0f : activation_mask(activation, y);
}

/// The derivative where only the mask bit is known: relu, relu6, leaky, hardsigmoid.
NETRT_HD inline float activation_slope_from_mask(Activation activation, float alpha, bool bit) {
  if (activation == Activation::hardsigmoid) return bit ? 1.0f / 6.0f : 0.0f;
  return bit ? 1.0f : (activation == Activation::leaky ? alpha : 0.0f);
}

/// The derivative at input x, for every activation.
NETRT_HD inline float activation_slope_from_input(Activation activation, float alpha, float x) {
  switch (activation) {
    case Activation::none: return 1.0f;
    case Activation::elu: return x > 0.0f ? 1.0f : alpha * vector_exp(x);
    case Activation::gelu_erf: {
      const float cdf = 0.5f * (1.0f + vector_erf(x * 0.70710678118654752f));
      return cdf + x * 0.39894228040143268f * vector_exp(-0.5f * x * x);
    }
    case Activation::gelu_tanh: {
      const float t = vector_tanh(gelu_inner(x));
      const float inner_slope = 0.79788456080286536f * (1.0f + 3.0f * 0.044715f * x * x);
      return 0.5f * (1.0f + t) + 0.5f * x * (1.0f - t * t) * inner_slope;
    }
    case Activation::silu: {
      const float s = logistic(x);
      return s * (1.0f + x * (1.0f - s));
    }
    case Activation::sigmoid: {
      const float s = logistic(x);
      return s * (1.0f - s);
    }
    case Activation::tanh: {
      const float t = vector_tanh(x);
      return 1.0f - t * t;
    }
    case Activation::hardswish: return x <= -3.0f ? 0.0f : (x < 3.0f ? x / 3.0f + 0.5f : 1.0f);
    default: return activation_slope_from_mask(activation, alpha, activation_mask(activation, x));
  }
}

/// The derivative where the output y is known: relu, relu6, leaky and elu (alpha >= 0), sigmoid, tanh, hardsigmoid.
NETRT_HD inline float activation_slope_from_output(Activation activation, float alpha, float y) {
  switch (activation) {
    case Activation::none: return 1.0f;
    case Activation::elu: return y > 0.0f ? 1.0f : y + alpha;
    case Activation::sigmoid: return y * (1.0f - y);
    case Activation::tanh: return 1.0f - y * y;
    default: return activation_slope_from_mask(activation, alpha, activation_mask_from_output(activation, y));
  }
}

}  // namespace netrt
