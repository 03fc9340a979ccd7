// Generated pictures, so that every network can be trained with nothing downloaded: one coloured shape of ten kinds, turned, sized,
// placed and coloured at random, on a noisy background. Everything follows from the seed, the split and the index.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "data.h"
#include "random.h"

namespace netrt {

namespace {

constexpr int64_t kTraining = 10000, kTest = 2000;
constexpr int kKinds = 10;

/// Whether (x, y) lies in the shape; the shape fits in the square from -1 to 1.
bool inside(int kind, float x, float y) {
  const float ax = std::abs(x), ay = std::abs(y), r = std::sqrt(x * x + y * y);
  switch (kind) {
    case 0: return r < 0.9f;                                                              // disc
    case 1: return ax < 0.8f && ay < 0.8f;                                                // square
    case 2: return y > -0.8f && y < 0.9f - 2 * ax;                                        // triangle
    case 3: return (ax < 0.28f && ay < 0.95f) || (ay < 0.28f && ax < 0.95f);              // cross
    case 4: return r < 0.95f && r > 0.6f;                                                 // ring
    case 5: return ax < 0.85f && ay < 0.85f && (ax > 0.52f || ay > 0.52f);                // frame
    case 6: return r < 0.95f && std::hypot(x - 0.45f, y) > 0.7f;                          // crescent
    case 7: return ax < 0.85f && ay < 0.85f && (ay > 0.5f || ay < 0.17f);                 // three bars
    case 8: return r < 0.35f + 0.6f * std::abs(std::cos(2.5f * std::atan2(y, x)));        // star with five points
    default: return ay < 0.85f && ((x > -0.75f && x < -0.2f) || (ax < 0.75f && y < -0.35f));  // the letter L
  }
}

/// One picture's random choices.
struct Scene {
  int kind;
  float center_x, center_y, radius, cosine, sine;  ///< in pixels; the turn is at most 0.35 radians
  float noise;                                     ///< the background noise spans +-noise
};

/// One channel of the background, and what the shape adds to it.
struct Color {
  float base, step;
};

class ShapesSource : public Source {
 public:
  ShapesSource(const DataSpec& spec, Split split, uint64_t seed)
      : h_(spec.h), w_(spec.w), c_(spec.c), shape_{spec.h, spec.w, spec.c, {}}, count_(split == Split::train ? kTraining : kTest), seed_(seed),
        stream_(stream_of(split == Split::train ? "shapes.train" : "shapes.test")) {
    masks_ = (spec.target == TargetKind::values && spec.target_values == h_ * w_) || class_rows(spec) == h_ * w_;
    // A sequence T x C is drawn as a picture of T rows and C columns; its mask has a value a row.
    if (w_ == 1 && h_ > 1) std::swap(w_, c_);
  }

  int64_t size() const override { return count_; }
  int64_t classes() const override { return kKinds; }
  int64_t value_count() const override { return masks_ ? shape_.h * shape_.w : 0; }
  bool values_are_labels() const override { return masks_; }
  Image shape() const override { return shape_; }
  std::string name(int64_t index) const override { return "shapes, picture " + std::to_string(index); }
  int32_t label(int64_t index) const override { return static_cast<int32_t>(index % kKinds); }

  void load(int64_t index, Image& image) const override {
    image.h = shape_.h;
    image.w = shape_.w;
    image.c = shape_.c;
    image.pixels.resize(static_cast<size_t>(h_ * w_ * c_));
    const Scene it = scene(index);
    std::vector<Color> colors;
    for (int64_t c = 0; c < c_; ++c) colors.push_back(color(index, c));
    draw_background(index, it, colors, image);
    for_each_inside(it, [&](int64_t pixel) {
      float* at = image.pixels.data() + pixel * c_;
      for (int64_t c = 0; c < c_; ++c) at[c] = std::clamp(at[c] + colors[static_cast<size_t>(c)].step, 0.0f, 1.0f);
    });
  }

  /// The mask: 1 where the shape is.
  void values(int64_t index, float* to) const override {
    std::fill(to, to + value_count(), 0.0f);
    const int64_t pixels_a_value = h_ * w_ / value_count();
    for_each_inside(scene(index), [&](int64_t pixel) { to[pixel / pixels_a_value] = 1; });
  }

 private:
  /// A picture has 2^32 blocks of random numbers: the first for the scene, then one a channel from 2^16 on, then the noise from 2^31 on.
  Random4 block(int64_t index, uint64_t i) const { return philox(seed_, stream_, static_cast<uint64_t>(index) << 32 | i); }

  Scene scene(int64_t index) const {
    const Random4 a = block(index, 0), b = block(index, 1);
    const float side = static_cast<float>(std::min(h_, w_)), angle = 0.7f * (uniform01(a.v[0]) - 0.5f);
    Scene it;
    it.kind = label(index);
    it.radius = side * (0.2f + 0.24f * uniform01(a.v[1]));
    it.center_x = it.radius + (static_cast<float>(w_) - 2 * it.radius) * uniform01(a.v[2]);
    it.center_y = it.radius + (static_cast<float>(h_) - 2 * it.radius) * uniform01(a.v[3]);
    it.cosine = std::cos(angle);
    it.sine = std::sin(angle);
    it.noise = 0.05f + 0.2f * uniform01(b.v[0]);
    return it;
  }

  /// One channel's. In the first the shape is always the brighter part, so that learning starts at once; in the others it may be either.
  Color color(int64_t index, int64_t channel) const {
    const Random4 random = block(index, (uint64_t{1} << 16) + static_cast<uint64_t>(channel));
    const float u = uniform01(random.v[0]), step = uniform01(random.v[1]);
    if (channel == 0) return {0.1f + 0.3f * u, 0.25f + 0.3f * step};
    return {0.2f + 0.6f * u, u > 0.5f ? -0.5f * step : 0.5f * step};
  }

  void draw_background(int64_t index, const Scene& it, const std::vector<Color>& colors, Image& image) const {
    const int64_t row = w_ * c_, count = h_ * row;
    thread_local std::vector<float> base;
    thread_local std::vector<uint8_t> noise;
    base.resize(static_cast<size_t>(row));
    for (int64_t i = 0; i < row; ++i) base[static_cast<size_t>(i)] = colors[static_cast<size_t>(i % c_)].base - it.noise;
    noise.resize(static_cast<size_t>((count + 15) / 16 * 16));
    for (int64_t i = 0; i < count; i += 16) {
      const Random4 random = block(index, (uint64_t{1} << 31) + static_cast<uint64_t>(i / 16));
      std::memcpy(noise.data() + i, random.v, 16);
    }
    const float scale = it.noise / 127.5f;
    for (int64_t y = 0; y < h_; ++y) {
      float* to = image.pixels.data() + y * row;
      const uint8_t* from = noise.data() + y * row;
      for (int64_t i = 0; i < row; ++i) to[i] = std::clamp(base[static_cast<size_t>(i)] + scale * static_cast<float>(from[i]), 0.0f, 1.0f);
    }
  }

  template <class Visit>
  void for_each_inside(const Scene& it, Visit visit) const {
    const float reach = 1.5f * it.radius;  // a turned square's corner
    const int64_t y0 = std::max<int64_t>(0, static_cast<int64_t>(it.center_y - reach)),
                  y1 = std::min(h_, static_cast<int64_t>(it.center_y + reach) + 1);
    const int64_t x0 = std::max<int64_t>(0, static_cast<int64_t>(it.center_x - reach)),
                  x1 = std::min(w_, static_cast<int64_t>(it.center_x + reach) + 1);
    for (int64_t y = y0; y < y1; ++y) {
      for (int64_t x = x0; x < x1; ++x) {
        const float dx = (static_cast<float>(x) + 0.5f - it.center_x) / it.radius, dy = (it.center_y - static_cast<float>(y) - 0.5f) / it.radius;
        if (inside(it.kind, it.cosine * dx + it.sine * dy, it.cosine * dy - it.sine * dx)) visit(y * w_ + x);
      }
    }
  }

  int64_t h_, w_, c_;  ///< of the picture
  Image shape_;        ///< of a sample
  int64_t count_;
  uint64_t seed_, stream_;
  bool masks_ = false;
};

}  // namespace

std::unique_ptr<Source> open_shapes(const DataSpec& spec, Split split, uint64_t seed) {
  return std::make_unique<ShapesSource>(spec, split, seed);
}

}  // namespace netrt
