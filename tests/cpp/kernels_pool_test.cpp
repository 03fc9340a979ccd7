// Pooling and upsampling.
#include "kernel_checks.h"

namespace {

using namespace kernel_checks;
using netrt::PoolDesc;

// n, h, w, c, r, s, oh, ow, stride_h, stride_w, pad_top, pad_left, index_bytes, count_pad
const PoolDesc pools[] = {
    {3, 25, 25, 5, 2, 2, 12, 12, 2, 2, 0, 0, 1, 0},      // a row and a column are dropped
    {2, 8, 9, 33, 3, 3, 4, 5, 2, 2, 1, 1, 1, 0},         // overlapping
    {2, 7, 7, 4, 3, 3, 4, 4, 2, 2, 0, 0, 1, 1},          // ceil: the last windows leave the input
    {1, 20, 20, 3, 17, 17, 4, 4, 1, 1, 0, 0, 2, 0},      // 289 positions
    {1, 17, 19, 130, 17, 19, 1, 1, 17, 19, 0, 0, 2, 0},  // one window, channels beyond a block
    {2, 5, 4, 8, 2, 3, 5, 2, 1, 2, 0, 1, 1, 1},          // rectangular; the last window leaves the input below
    {1, 9, 9, 2, 2, 2, 3, 3, 3, 3, 0, 0, 1, 0},          // gaps between the windows
    {5, 1, 6, 1, 1, 2, 1, 3, 1, 2, 0, 0, 1, 0},
    {2, 6, 6, 4, 3, 3, 4, 4, 2, 2, 1, 1, 1, 2},          // ceil with counted padding: the last windows leave that too
};

size_t in_count(const PoolDesc& d) { return size_t(d.n) * d.h * d.w * d.c; }
size_t out_count(const PoolDesc& d) { return size_t(d.n) * d.oh * d.ow * d.c; }

/// Calls body(y index, x index, position in the window) for each input value a window covers.
template <class Body>
void for_window(const PoolDesc& d, const Body& body) {
  for (int n = 0; n < d.n; ++n)
    for (int i = 0; i < d.oh; ++i)
      for (int j = 0; j < d.ow; ++j)
        for (int c = 0; c < d.c; ++c)
          for (int r = 0; r < d.r; ++r)
            for (int s = 0; s < d.s; ++s) {
              const int h = i * d.stride_h - d.pad_top + r, w = j * d.stride_w - d.pad_left + s;
              if (h < 0 || h >= d.h || w < 0 || w >= d.w) continue;
              body(((n * d.oh + i) * d.ow + j) * d.c + c, ((n * d.h + h) * d.w + w) * d.c + c, r * d.s + s);
            }
}

/// Max-pools twice: with the index and without.
template <class Index>
void check_max_pool(const PoolDesc& d) {
  Floats x = random_floats(in_count(d), 1);
  for (float& v : x) v = std::round(v * 4) / 4;  // many equal maxima: the first wins
  const Floats dy = random_floats(out_count(d), 2);
  Floats best(out_count(d), -INFINITY);
  std::vector<Index> where(out_count(d));
  std::vector<size_t> from(out_count(d));
  for_window(d, [&](size_t y, size_t at, int position) {
    if (x[at] <= best[y]) return;
    best[y] = x[at];
    where[y] = Index(position);
    from[y] = at;
  });
  Guarded<float> y(out_count(d)), evaluated(out_count(d)), dx(in_count(d));
  Guarded<Index> index(out_count(d));
  pool_forward(context(), y.data(), index.data(), x.data(), d);
  pool_forward(context(), evaluated.data(), nullptr, x.data(), d);
  CHECK(same_bits(y.values(), best));
  CHECK(same_bits(evaluated.values(), best));
  CHECK(index.values() == where);
  std::vector<double> expected(in_count(d));
  for (size_t i = 0; i < dy.size(); ++i) expected[from[i]] += dy[i];
  pool_backward(context(), dx.data(), dy.data(), index.data(), d);
  check_close(dx.values(), expected, 1e-6);
}

}  // namespace

TEST_CASE("max-pooling takes the first highest value and gives the gradient back to it", "[kernels]") {
  for (const PoolDesc& d : pools) {
    INFO(d.h << "x" << d.w << " window " << d.r << "x" << d.s);
    if (d.index_bytes == 1) check_max_pool<uint8_t>(d);
    else check_max_pool<uint16_t>(d);
  }
}

TEST_CASE("max-pooling lets a NaN through", "[kernels]") {
  const PoolDesc d{1, 2, 2, 1, 2, 2, 1, 1, 2, 2, 0, 0, 1, 0};
  for (int at = 0; at < 4; ++at) {
    Floats x = {1, 2, 3, 4};
    x[at] = NAN;
    float y = 0;
    uint8_t index = 9;
    pool_forward(context(), &y, &index, x.data(), d);
    CHECK(std::isnan(y));
    CHECK(int(index) == at);
  }
}

TEST_CASE("average pooling and its gradient equal loops in double", "[kernels]") {
  for (const PoolDesc& d : pools) {
    INFO(d.h << "x" << d.w << " window " << d.r << "x" << d.s);
    const Floats x = random_floats(in_count(d), 1), dy = random_floats(out_count(d), 2);
    std::vector<double> sum(out_count(d)), covered(out_count(d)), dx(in_count(d));
    for_window(d, [&](size_t y, size_t at, int) {
      sum[y] += x[at];
      covered[y] += 1;
    });
    const auto inside = [](size_t i, int stride, int pad, int kernel, int size) { return std::min(int(i) * stride + kernel, size + 2 * pad) - int(i) * stride; };
    const auto divisor = [&](size_t y) {
      if (d.count_pad == 1) return double(d.r) * d.s;
      const size_t pixel = y / size_t(d.c), i = pixel / size_t(d.ow) % size_t(d.oh), j = pixel % size_t(d.ow);
      return d.count_pad == 0 ? covered[y] : double(inside(i, d.stride_h, d.pad_top, d.r, d.h)) * inside(j, d.stride_w, d.pad_left, d.s, d.w);
    };
    for_window(d, [&](size_t y, size_t at, int) { dx[at] += dy[y] / divisor(y); });
    for (size_t i = 0; i < sum.size(); ++i) sum[i] /= divisor(i);
    Guarded<float> y(out_count(d)), back(in_count(d));
    avgpool_forward(context(), y.data(), x.data(), d);
    check_close(y.values(), sum, 1e-5);
    avgpool_backward(context(), back.data(), dy.data(), d);
    check_close(back.values(), dx, 1e-5);
  }
}

TEST_CASE("upsampling: values of PyTorch's align_corners=False, gradient by differences", "[kernels]") {
  const netrt::UpsampleDesc row{1, 1, 3, 1, 2, 1};
  const Floats three = {0, 4, 8};
  Guarded<float> line(12);
  upsample_forward(context(), line.data(), three.data(), row);
  check_close(line.values(), Floats{0, 1, 3, 5, 7, 8, 0, 1, 3, 5, 7, 8}, 1e-6);
  for (const int bilinear : {0, 1}) {
    for (const netrt::UpsampleDesc d : {netrt::UpsampleDesc{2, 4, 5, 3, 2, bilinear}, netrt::UpsampleDesc{3, 3, 2, 7, 3, bilinear},
                                        netrt::UpsampleDesc{1, 1, 1, 2, 4, bilinear}, netrt::UpsampleDesc{1, 16, 16, 24, 2, bilinear}}) {
      Floats x = random_floats(size_t(d.n) * d.h * d.w * d.c, 1);
      const size_t count = x.size() * d.factor * d.factor;
      const Floats dy = random_floats(count, 2);
      const auto loss = [&] {
        Guarded<float> y(count);
        upsample_forward(context(), y.data(), x.data(), d);
        return inner(y.values(), dy);
      };
      Guarded<float> dx(x.size());
      upsample_backward(context(), dx.data(), dy.data(), d);
      check_gradient(x, dx.values(), loss, 1e-3, 0.1f);
    }
  }
}
