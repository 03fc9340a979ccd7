// The table of GPU cards: what `--gpu` knows and `--gpus` lists.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "plan/cost.h"

namespace netc {

/// Rates are the vendor's peak figures without sparsity; tensor rates accumulate in float32. 0: the card has no such units.
struct Gpu {
  std::string_view id;      ///< "rtx3060"
  std::string_view name;    ///< "GeForce RTX 3060"
  int gib;                  ///< nominal memory
  bool inline_ecc;          ///< error correction takes its share of that memory (always on, or usually)
  int bandwidth;            ///< GB/s, 10^9
  double fp32, tf32, fp16;  ///< TFLOP/s: plain float32, and tensor cores
  int sms;
  int capability;  ///< 86 is 8.6
  bool common;     ///< named when netc says on which cards a network fits
};

/// By generation and memory.
std::span<const Gpu> gpu_table();

/// The card of that id; upper case, spaces, '-' and '_' do not matter. Null when there is none.
const Gpu* find_gpu(std::string_view id);
/// The card that stands for others where none is named.
const Gpu& reference_gpu();
/// The id in the table that is most like `id`, for a suggestion; empty when none is near.
std::string_view nearest_gpu(std::string_view id);

/// Bytes a program can expect to get: the nominal memory less 8.5 % on cards whose error correction takes its share and 2.5 % on the others,
/// which is a little less than drivers report (`cudaMemGetInfo`) on the cards whose figures are published.
int64_t usable_bytes(const Gpu& gpu);

/// Shares of a card's peak that long kernels keep up, for all cards and kernels alike: what the literature on recomputation takes for a P100
/// (65 % of 9.3 TFLOP/s, 75 % of 732 GB/s).
constexpr double kSustainedArithmetic = 0.65, kSustainedBandwidth = 0.75;

/// Those shares of the card's plain float32 rate and of its bandwidth.
Rates sustained_rates(const Gpu& gpu);

/// Resident threads of one SM (CUDA C++ Programming Guide, "Technical Specifications per Compute Capability").
int threads_per_sm(const Gpu& gpu);

/// The text of `--gpus`.
std::string gpus_text();

}  // namespace netc
