// The augmentation words of a .net: crop, flip, normalize, resize, cutout.
#pragma once

#include <cstdint>
#include <vector>

#include "data.h"

namespace netrt {

/// One word, checked and with its defaults filled in.
struct AugmentStep {
  enum Kind { crop, flip, normalize, resize, cutout } kind;
  int64_t height = 0, width = 0;  ///< crop: side twice; resize: exact size, or the shorter side in height and width 0; cutout: side in height
  int64_t pad = 0;                ///< crop
  std::vector<float> mean = {}, scale = {};  ///< normalize: one a channel; scale is 1 / deviation
};

/// Random numbers of one sample in one epoch: they depend on the seed, the epoch and the sample, not on the order of the work.
struct SampleRandom {
  uint64_t seed, stream, next;
  SampleRandom(uint64_t seed, uint64_t epoch, int64_t index);
  /// Uniform in 0..count-1.
  int64_t below(int64_t count);
};

/// Checks the words of the spec. `varying`: the data's pictures differ in size, so a resize that the input's size implies is put first
/// where none is written. Throws DataError.
std::vector<AugmentStep> make_augmentation(const DataSpec&, bool varying);

/// Runs the steps on `image`; `scratch` is memory to reuse. In the test split crops are central and flip and cutout do nothing.
/// `name` is for messages. Throws DataError.
void augment(const std::vector<AugmentStep>&, Split, SampleRandom&, Image& image, Image& scratch, const std::string& name);

/// The shape that the steps make of a picture of this shape (pixels are ignored). Throws DataError where a step cannot be done.
Image augmented_shape(const std::vector<AugmentStep>&, Image shape, const std::string& name);

/// Bilinear with the filter widened by the factor of reduction, so that shrinking averages (as Pillow and torchvision do).
void resize_image(const Image& from, int64_t height, int64_t width, Image& to);

}  // namespace netrt
