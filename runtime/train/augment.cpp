#include "augment.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "random.h"

namespace netrt {

namespace {

constexpr int64_t kLargestSide = 1 << 16;

[[noreturn]] void wrong_word(const Augmentation& word, const std::string& expected) {
  std::string text = word.word;
  for (const double number : word.numbers) {
    char digits[32];
    std::snprintf(digits, sizeof digits, " %g", number);
    text += digits;
  }
  throw DataError("augmentation `" + text + "`: expected " + expected);
}

/// Number `i` of the word as a whole number in least..kLargestSide.
int64_t whole(const Augmentation& word, size_t i, int64_t least, const std::string& expected) {
  const double value = i < word.numbers.size() ? word.numbers[i] : -1;
  if (!(value >= static_cast<double>(least)) || value > static_cast<double>(kLargestSide) || value != std::floor(value)) {
    wrong_word(word, expected);
  }
  return static_cast<int64_t>(value);
}

AugmentStep crop_step(const Augmentation& word) {
  const std::string expected = "`crop N` or `crop N pad p`, whole numbers";
  if (word.numbers.empty() || word.numbers.size() > 2) wrong_word(word, expected);
  AugmentStep step{AugmentStep::crop};
  step.height = step.width = whole(word, 0, 1, expected);
  if (word.numbers.size() == 2) step.pad = whole(word, 1, 0, expected);
  return step;
}

/// `resize` alone is the input's size; before a crop `resize N` sets the shorter side; else N must be the input's shorter side and the
/// result is the input's size; `resize H W` is that size.
AugmentStep resize_step(const Augmentation& word, const DataSpec& spec, bool crop_follows) {
  const std::string expected = "`resize`, `resize N` or `resize H W`, whole numbers";
  AugmentStep step{AugmentStep::resize};
  step.height = spec.h;
  step.width = spec.w;
  if (word.numbers.size() > 2) wrong_word(word, expected);
  if (word.numbers.size() == 2) {
    step.height = whole(word, 0, 1, expected);
    step.width = whole(word, 1, 1, expected);
  } else if (word.numbers.size() == 1) {
    const int64_t side = whole(word, 0, 1, expected);
    if (crop_follows) {
      step.height = side;
      step.width = 0;
    } else if (side != std::min(spec.h, spec.w)) {
      step.height = step.width = side;
    }
  }
  return step;
}

AugmentStep normalize_step(const Augmentation& word, const DataSpec& spec) {
  const size_t channels = static_cast<size_t>(spec.c);
  const size_t count = word.numbers.size() / 2;
  const std::string expected = "`normalize mean deviation`, each one number or " + std::to_string(spec.c) + " (one a channel)";
  if (word.numbers.size() != 2 && word.numbers.size() != 2 * channels) wrong_word(word, expected);
  AugmentStep step{AugmentStep::normalize};
  for (size_t c = 0; c < channels; ++c) {
    const double mean = word.numbers[count == 1 ? 0 : c], deviation = word.numbers[count + (count == 1 ? 0 : c)];
    if (!std::isfinite(mean) || !std::isfinite(deviation) || deviation <= 0) wrong_word(word, expected + ", deviations above 0");
    step.mean.push_back(static_cast<float>(mean));
    step.scale.push_back(static_cast<float>(1 / deviation));
  }
  return step;
}

void resized_sides(const AugmentStep& step, const Image& image, int64_t* height, int64_t* width) {
  *height = step.height;
  *width = step.width;
  if (step.width > 0) return;
  const int64_t side = step.height, shorter = std::min(image.h, image.w);
  *height = std::max(side, (image.h * side + shorter / 2) / shorter);
  *width = std::max(side, (image.w * side + shorter / 2) / shorter);
}

void check_crop(const AugmentStep& step, const Image& image, const std::string& name) {
  if (image.h + 2 * step.pad >= step.height && image.w + 2 * step.pad >= step.width) return;
  throw DataError(name + ": image is " + shape_text(image.h, image.w, image.c) + ", too small for `crop " + std::to_string(step.height) +
                  "` with a border of " + std::to_string(step.pad));
}

/// Takes the window of height x width whose corner is at (top, left), which may lie outside: there it is 0.
void take_window(const Image& from, int64_t top, int64_t left, int64_t height, int64_t width, Image& to) {
  to.h = height;
  to.w = width;
  to.c = from.c;
  to.pixels.assign(static_cast<size_t>(height * width * from.c), 0.0f);
  const int64_t first = std::max<int64_t>(0, -left), last = std::min(width, from.w - left);
  if (first >= last) return;
  for (int64_t y = std::max<int64_t>(0, -top); y < std::min(height, from.h - top); ++y) {
    const float* row = from.pixels.data() + ((y + top) * from.w + left + first) * from.c;
    std::copy(row, row + (last - first) * from.c, to.pixels.data() + (y * width + first) * from.c);
  }
}

void crop(const AugmentStep& step, Split split, SampleRandom& random, Image& image, Image& scratch) {
  int64_t top = (image.h - step.height) / 2, left = (image.w - step.width) / 2;
  if (split == Split::train) {
    top = random.below(image.h + 2 * step.pad - step.height + 1) - step.pad;
    left = random.below(image.w + 2 * step.pad - step.width + 1) - step.pad;
  }
  if (top == 0 && left == 0 && step.height == image.h && step.width == image.w) return;
  take_window(image, top, left, step.height, step.width, scratch);
  std::swap(image, scratch);
}

void flip(Image& image) {
  for (int64_t y = 0; y < image.h; ++y) {
    float* row = image.pixels.data() + y * image.w * image.c;
    for (int64_t a = 0, b = image.w - 1; a < b; ++a, --b) std::swap_ranges(row + a * image.c, row + (a + 1) * image.c, row + b * image.c);
  }
}

void normalize(const AugmentStep& step, Image& image) {
  const size_t channels = step.mean.size();
  for (size_t i = 0; i < image.pixels.size(); i += channels) {
    for (size_t c = 0; c < channels; ++c) image.pixels[i + c] = (image.pixels[i + c] - step.mean[c]) * step.scale[c];
  }
}

/// Blanks a square around a random centre; what leaves the image is cut off (DeVries and Taylor, 2017).
void cutout(const AugmentStep& step, SampleRandom& random, Image& image) {
  const int64_t top = random.below(image.h) - step.height / 2, left = random.below(image.w) - step.height / 2;
  const int64_t x0 = std::max<int64_t>(0, left), x1 = std::min(image.w, left + step.height);
  for (int64_t y = std::max<int64_t>(0, top); y < std::min(image.h, top + step.height); ++y) {
    float* row = image.pixels.data() + y * image.w * image.c;
    std::fill(row + x0 * image.c, row + x1 * image.c, 0.0f);
  }
}

/// For each output position the inputs it averages: first index, and weights that add to 1.
struct Filter {
  int64_t first;
  std::vector<float> weights;
};

std::vector<Filter> triangle_filters(int64_t from, int64_t to) {
  const double scale = static_cast<double>(from) / static_cast<double>(to), support = std::max(scale, 1.0);
  std::vector<Filter> filters(static_cast<size_t>(to));
  for (int64_t i = 0; i < to; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    const int64_t first = std::max<int64_t>(0, static_cast<int64_t>(std::floor(center - support + 0.5)));
    const int64_t last = std::min(from, static_cast<int64_t>(std::floor(center + support + 0.5)));
    Filter& filter = filters[static_cast<size_t>(i)];
    filter.first = first;
    double sum = 0;
    for (int64_t x = first; x < last; ++x) {
      const double weight = std::max(0.0, 1 - std::abs((static_cast<double>(x) + 0.5 - center) / support));
      filter.weights.push_back(static_cast<float>(weight));
      sum += weight;
    }
    for (float& weight : filter.weights) weight = static_cast<float>(weight / sum);
  }
  return filters;
}

}  // namespace

SampleRandom::SampleRandom(uint64_t seed_in, uint64_t epoch, int64_t index)
    : seed(seed_in), stream(stream_of("augmentation") + epoch), next(static_cast<uint64_t>(index) << 8) {}

int64_t SampleRandom::below(int64_t count) {
  const Random4 block = philox(seed, stream, next++);
  const uint64_t bits = (static_cast<uint64_t>(block.v[0]) << 32) | block.v[1];
  return static_cast<int64_t>((static_cast<unsigned __int128>(bits) * static_cast<uint64_t>(count)) >> 64);
}

std::vector<AugmentStep> make_augmentation(const DataSpec& spec, bool varying) {
  std::vector<AugmentStep> steps;
  const AugmentStep* first_crop = nullptr;
  bool resized = false;
  steps.reserve(spec.augmentation.size() + 1);
  for (size_t i = 0; i < spec.augmentation.size(); ++i) {
    const Augmentation& word = spec.augmentation[i];
    const std::string name = word.word;
    if (name == "crop") {
      steps.push_back(crop_step(word));
      if (first_crop == nullptr) first_crop = &steps.back();
    } else if (name == "flip") {
      if (!word.numbers.empty()) wrong_word(word, "`flip` without a number");
      steps.push_back({AugmentStep::flip});
    } else if (name == "normalize") {
      steps.push_back(normalize_step(word, spec));
    } else if (name == "resize") {
      const auto is_crop = [](const Augmentation& later) { return std::string_view(later.word) == "crop"; };
      steps.push_back(
          resize_step(word, spec, std::any_of(spec.augmentation.begin() + static_cast<std::ptrdiff_t>(i), spec.augmentation.end(), is_crop)));
      resized = true;
    } else if (name == "cutout") {
      if (word.numbers.size() != 1) wrong_word(word, "`cutout n`, a whole number");
      steps.push_back({AugmentStep::cutout});
      steps.back().height = whole(word, 0, 1, "`cutout n`, a whole number");
    } else {
      wrong_word(word, "crop, flip, normalize, resize or cutout");
    }
  }
  if (varying && !resized) {
    AugmentStep step{AugmentStep::resize};
    step.height = first_crop != nullptr ? first_crop->height : spec.h;
    step.width = first_crop != nullptr ? first_crop->width : spec.w;
    if (first_crop != nullptr && first_crop->pad == 0) {  // room for the crop: 256 for 224, the ratio usual for ImageNet
      step.height = (first_crop->height * 8 + 6) / 7;
      step.width = 0;
    }
    steps.insert(steps.begin(), step);
  }
  return steps;
}

void resize_image(const Image& from, int64_t height, int64_t width, Image& to) {
  const std::vector<Filter> columns = triangle_filters(from.w, width), rows = triangle_filters(from.h, height);
  const int64_t c = from.c;
  std::vector<float> narrow(static_cast<size_t>(from.h * width * c), 0.0f);
  for (int64_t y = 0; y < from.h; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      const Filter& filter = columns[static_cast<size_t>(x)];
      float* out = narrow.data() + (y * width + x) * c;
      const float* in = from.pixels.data() + (y * from.w + filter.first) * c;
      for (const float weight : filter.weights) {
        for (int64_t k = 0; k < c; ++k) out[k] += weight * in[k];
        in += c;
      }
    }
  }
  to.h = height;
  to.w = width;
  to.c = c;
  to.pixels.assign(static_cast<size_t>(height * width * c), 0.0f);
  for (int64_t y = 0; y < height; ++y) {
    const Filter& filter = rows[static_cast<size_t>(y)];
    float* out = to.pixels.data() + y * width * c;
    const float* in = narrow.data() + filter.first * width * c;
    for (const float weight : filter.weights) {
      for (int64_t k = 0; k < width * c; ++k) out[k] += weight * in[k];
      in += width * c;
    }
  }
}

Image augmented_shape(const std::vector<AugmentStep>& steps, Image shape, const std::string& name) {
  for (const AugmentStep& step : steps) {
    if (step.kind == AugmentStep::crop) {
      check_crop(step, shape, name);
      shape.h = step.height;
      shape.w = step.width;
    } else if (step.kind == AugmentStep::resize) {
      int64_t height = 0, width = 0;
      resized_sides(step, shape, &height, &width);
      shape.h = height;
      shape.w = width;
    }
  }
  return shape;
}

void augment(const std::vector<AugmentStep>& steps, Split split, SampleRandom& random, Image& image, Image& scratch, const std::string& name) {
  for (const AugmentStep& step : steps) {
    switch (step.kind) {
      case AugmentStep::crop:
        check_crop(step, image, name);
        crop(step, split, random, image, scratch);
        break;
      case AugmentStep::flip:
        if (split == Split::train && random.below(2) == 1) flip(image);
        break;
      case AugmentStep::normalize:
        if (static_cast<int64_t>(step.mean.size()) != image.c) {
          throw DataError(name + ": image has " + std::to_string(image.c) + " channels, the network's input " + std::to_string(step.mean.size()));
        }
        normalize(step, image);
        break;
      case AugmentStep::resize: {
        int64_t height = 0, width = 0;
        resized_sides(step, image, &height, &width);
        if (height == image.h && width == image.w) break;
        resize_image(image, height, width, scratch);
        std::swap(image, scratch);
        break;
      }
      case AugmentStep::cutout:
        if (split == Split::train) cutout(step, random, image);
        break;
    }
  }
}

}  // namespace netrt
