// A file planned under `--fit`: the search, and the plan of what it chose.
#pragma once

#include <functional>
#include <string>

#include "driver/compile.h"
#include "estimate/gpus.h"
#include "estimate/library.h"
#include "estimate/report.h"
#include "fit/fit.h"

namespace netc {

struct FittedFile {
  Compilation made;          ///< with the graph of what was chosen; with that of the file where nothing was
  const Gpu* gpu = nullptr;  ///< whose rates count
  Room room;                 ///< the memory, and where it comes from
  LibraryShare library;
  bool may_split = true;
  Fitted fitted;
  std::optional<Plan> plan;  ///< of what was chosen; nothing where nothing fits
  std::string error;         ///< no plan is possible at all, whatever the memory
};

/// Fits the network of `options` into its --fit or --gpu for `target`. Without a graph where the file has errors. `card`: of --gpu, may be null.
FittedFile fit_file(const Options& options, const Target& target, const Gpu* card, const std::function<void(const std::string&)>& say);

/// "batch 4x46, 12 tensors made again, +1.20 % time".
std::string choice_text(const Fitted& fitted);
/// "8x32", or "256".
std::string batch_text(const FitOffer& offer);
/// "12 tensors made again".
std::string made_again_text(int tensors);
/// Beyond `plain`: "+4.99 %". `down`: rounded down, for what is a bound.
std::string more_text(double value, double plain, bool down = false);

/// "no way was found to train vgg16 in 2.00 GiB; the least takes 3.1 GiB".
std::string does_not_fit_text(const FittedFile& file);

}  // namespace netc
