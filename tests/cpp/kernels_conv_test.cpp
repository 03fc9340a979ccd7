// Convolutions, transposed convolutions and fully connected layers against loops in double.
#include <omp.h>

#include <memory>

#include "kernel_checks.h"

namespace {

using namespace kernel_checks;
using netrt::Activation;
using netrt::ConvDesc;

/// h, w, c, k, r, s, stride, pad_top, pad_left, pad_bottom, pad_right, dilation, groups.
struct Case {
  const char* name;
  int n, h, w, c, k, r, s, stride, top, left, bottom, right, dilation, groups;
};

const Case cases[] = {
    {"odd sizes", 3, 7, 5, 3, 5, 3, 2, 1, 1, 0, 1, 1, 1, 1},
    {"stride 2, padding only after", 2, 8, 9, 8, 16, 3, 3, 2, 0, 0, 1, 1, 1, 1},
    {"stride 3 that leaves a rest", 1, 11, 9, 4, 7, 2, 3, 3, 0, 1, 0, 0, 1, 1},
    {"dilation", 2, 12, 11, 6, 8, 3, 3, 1, 2, 2, 2, 2, 2, 1},
    {"dilation and stride", 1, 13, 13, 5, 9, 3, 3, 2, 1, 2, 1, 2, 2, 1},
    {"two groups", 3, 6, 6, 8, 12, 3, 3, 1, 1, 1, 1, 1, 1, 2},
    {"depthwise", 2, 9, 9, 16, 16, 3, 3, 1, 1, 1, 1, 1, 1, 16},
    {"depthwise, odd channels, stride 2", 3, 9, 8, 13, 13, 3, 3, 2, 0, 1, 1, 1, 1, 13},
    {"depthwise 5x5", 2, 10, 7, 24, 24, 5, 5, 1, 2, 2, 2, 2, 1, 24},
    {"depthwise with multiplier", 2, 6, 5, 4, 8, 3, 3, 1, 1, 1, 1, 1, 1, 4},
    {"1x1", 3, 5, 6, 24, 17, 1, 1, 1, 0, 0, 0, 0, 1, 1},
    {"1x1 stride 2", 2, 7, 7, 16, 32, 1, 1, 2, 0, 0, 0, 0, 1, 1},
    {"one channel, 5x5", 4, 14, 14, 1, 20, 5, 5, 1, 0, 0, 0, 0, 1, 1},
    {"20 to 50 channels", 5, 12, 12, 20, 50, 5, 5, 1, 0, 0, 0, 0, 1, 1},
    {"wide, padded", 3, 9, 10, 32, 64, 3, 3, 1, 1, 1, 1, 1, 1, 1},
    {"7x7 stride 2", 1, 23, 21, 3, 18, 7, 7, 2, 3, 3, 3, 3, 1, 1},
    {"filter as large as the input", 2, 4, 3, 5, 6, 4, 3, 1, 0, 0, 0, 0, 1, 1},
    {"one row and column", 2, 1, 9, 3, 4, 1, 3, 1, 0, 1, 0, 1, 1, 1},
    {"many channels", 1, 5, 5, 300, 70, 3, 3, 1, 1, 1, 1, 1, 1, 1},
    {"larger batch", 33, 8, 8, 3, 32, 3, 3, 1, 1, 1, 1, 1, 1, 1},
};

int out_size(int in, int before, int after, int size, int stride, int dilation) {
  return (in + before + after - (size - 1) * dilation - 1) / stride + 1;
}

ConvDesc make_desc(const Case& t, Activation activation = Activation::none, float alpha = 0) {
  const int oh = out_size(t.h, t.top, t.bottom, t.r, t.stride, t.dilation), ow = out_size(t.w, t.left, t.right, t.s, t.stride, t.dilation);
  return {t.n, t.h, t.w, t.c, t.k, t.r, t.s, oh, ow, t.stride, t.stride, t.top, t.left, t.dilation, t.dilation, t.groups, activation, alpha};
}

/// Calls body(x index, w index, y index) for each product of a convolution.
template <class Body>
void for_products(const ConvDesc& d, const Body& body) {
  const int each = d.c / d.groups, filters = d.k / d.groups;
  for (int n = 0; n < d.n; ++n)
    for (int i = 0; i < d.oh; ++i)
      for (int j = 0; j < d.ow; ++j)
        for (int k = 0; k < d.k; ++k)
          for (int r = 0; r < d.r; ++r)
            for (int s = 0; s < d.s; ++s) {
              const int h = i * d.stride_h - d.pad_top + r * d.dilation_h, w = j * d.stride_w - d.pad_left + s * d.dilation_w;
              if (h < 0 || h >= d.h || w < 0 || w >= d.w) continue;
              for (int c = 0; c < each; ++c) {
                const int xi = ((n * d.h + h) * d.w + w) * d.c + k / filters * each + c, wi = ((k * d.r + r) * d.s + s) * each + c;
                body(xi, wi, ((n * d.oh + i) * d.ow + j) * d.k + k);
              }
            }
}

struct Data {
  Floats x, w, b, y, bx;  // b: for k channels, bx: for c channels
};

Data make_data(const ConvDesc& d) {
  const size_t x = size_t(d.n) * d.h * d.w * d.c, w = size_t(d.k) * d.r * d.s * (d.c / d.groups), y = size_t(d.n) * d.oh * d.ow * d.k;
  return {random_floats(x, 1), random_floats(w, 2), random_floats(d.k, 3), random_floats(y, 4), random_floats(d.c, 5)};
}

std::vector<double> sum_columns(const Floats& x, size_t c) {
  std::vector<double> sum(c);
  for (size_t i = 0; i < x.size(); ++i) sum[i % c] += x[i];
  return sum;
}

/// Runs `kernel(out, workspace)` twice with its own workspace, and with less of it down to none; compares with `expected`.
template <class Kernel>
void check_kernel(size_t bytes, const std::vector<double>& expected, const Kernel& kernel) {
  Floats first;
  for (const size_t given : {bytes, bytes, bytes * 3 / 4, bytes / 2, bytes / 16, size_t{0}}) {
    INFO("workspace of " << given << " bytes, planned " << bytes);
    Guarded<float> out(expected.size());
    GuardedWorkspace workspace(given);
    kernel(out.data(), workspace.get());
    if (given == bytes && !first.empty()) CHECK(same_bits(out.values(), first));
    first = out.values();
    check_close(first, expected, 2e-5);
  }
}

void check_weights(const ConvDesc& desc, const Data& data, const std::vector<double>& dw, const std::vector<double>& db, bool transposed) {
  const size_t bytes = transposed ? deconv_backward_weights_workspace(desc) : conv_backward_weights_workspace(desc);
  const auto kernel = transposed ? netrt::deconv_backward_weights : netrt::conv_backward_weights;
  const float *x = transposed ? data.y.data() : data.x.data(), *dy = transposed ? data.x.data() : data.y.data();
  check_kernel(bytes, dw, [&](float* out, netrt::Workspace ws) { kernel(context(), out, nullptr, x, dy, desc, ws); });
  check_kernel(bytes, db, [&](float* out, netrt::Workspace ws) {
    Guarded<float> gradient(dw.size());
    kernel(context(), gradient.data(), out, x, dy, desc, ws);
    check_close(gradient.values(), dw, 2e-5);
  });
}

}  // namespace

TEST_CASE("convolution equals loops in double", "[kernels]") {
  for (const Case& t : cases) {
    INFO(t.name);
    const Activation activation = t.n % 2 == 0 ? Activation::relu : Activation::hardswish;
    const ConvDesc desc = make_desc(t, activation);
    const Data data = make_data(desc);
    std::vector<double> y(data.y.size()), plain(data.y.size()), dx(data.x.size()), dw(data.w.size());
    for_products(desc, [&](int xi, int wi, int yi) {
      plain[yi] += double(data.x[xi]) * data.w[wi];
      dx[xi] += double(data.y[yi]) * data.w[wi];
      dw[wi] += double(data.y[yi]) * data.x[xi];
    });
    for (size_t i = 0; i < y.size(); ++i) {
      const double value = plain[i] + data.b[i % desc.k];
      y[i] = activation == Activation::relu ? std::max(value, 0.0) : value * std::clamp(value + 3, 0.0, 6.0) / 6;
    }
    check_kernel(conv_forward_workspace(desc), y,
                 [&](float* out, netrt::Workspace ws) { conv_forward(context(), out, data.x.data(), data.w.data(), data.b.data(), desc, ws); });
    const ConvDesc linear = make_desc(t);
    check_kernel(conv_forward_workspace(linear), plain,
                 [&](float* out, netrt::Workspace ws) { conv_forward(context(), out, data.x.data(), data.w.data(), nullptr, linear, ws); });
    check_kernel(conv_backward_data_workspace(desc), dx,
                 [&](float* out, netrt::Workspace ws) { conv_backward_data(context(), out, data.y.data(), data.w.data(), desc, ws); });
    check_weights(desc, data, dw, sum_columns(data.y, desc.k), false);
  }
}

TEST_CASE("transposed convolution equals loops in double", "[kernels]") {
  for (const Case& t : cases) {
    INFO(t.name);
    const ConvDesc desc = make_desc(t, Activation::leaky, 0.25f);
    const Data data = make_data(desc);  // data.y is the layer's input, data.x its output's gradient
    std::vector<double> y(data.x.size()), dx(data.y.size()), dw(data.w.size());
    for_products(desc, [&](int xi, int wi, int yi) {
      y[xi] += double(data.y[yi]) * data.w[wi];
      dx[yi] += double(data.x[xi]) * data.w[wi];
      dw[wi] += double(data.x[xi]) * data.y[yi];
    });
    for (size_t i = 0; i < y.size(); ++i) {
      y[i] += data.bx[i % desc.c];
      if (y[i] < 0) y[i] *= 0.25;
    }
    check_kernel(deconv_forward_workspace(desc), y,
                 [&](float* out, netrt::Workspace ws) { deconv_forward(context(), out, data.y.data(), data.w.data(), data.bx.data(), desc, ws); });
    check_kernel(deconv_backward_data_workspace(desc), dx,
                 [&](float* out, netrt::Workspace ws) { deconv_backward_data(context(), out, data.x.data(), data.w.data(), desc, ws); });
    check_weights(desc, data, dw, sum_columns(data.x, desc.c), true);
  }
}

TEST_CASE("fully connected equals loops in double", "[kernels]") {
  const int shapes[][3] = {{64, 800, 500}, {1, 7, 3}, {5, 1, 9}, {33, 130, 10}, {7, 1000, 1}, {130, 65, 70}};
  for (const auto& [rows, in, out] : shapes) {
    INFO(rows << " x " << in << " -> " << out);
    const netrt::FcDesc desc{rows, in, out, Activation::relu, 0};
    const Floats x = random_floats(size_t(rows) * in, 1), w = random_floats(size_t(out) * in, 2), b = random_floats(out, 3);
    const Floats dy = random_floats(size_t(rows) * out, 4);
    std::vector<double> y(dy.size()), dx(x.size()), dw(w.size());
    for (int row = 0; row < rows; ++row) {
      for (int o = 0; o < out; ++o) {
        double sum = b[o];
        for (int i = 0; i < in; ++i) {
          sum += double(x[row * in + i]) * w[o * in + i];
          dx[row * in + i] += double(dy[row * out + o]) * w[o * in + i];
          dw[o * in + i] += double(dy[row * out + o]) * x[row * in + i];
        }
        y[row * out + o] = std::max(sum, 0.0);
      }
    }
    check_kernel(fc_forward_workspace(desc), y,
                 [&](float* to, netrt::Workspace ws) { fc_forward(context(), to, x.data(), w.data(), b.data(), desc, ws); });
    check_kernel(fc_backward_data_workspace(desc), dx,
                 [&](float* to, netrt::Workspace ws) { fc_backward_data(context(), to, dy.data(), w.data(), desc, ws); });
    check_kernel(fc_backward_weights_workspace(desc), dw,
                 [&](float* to, netrt::Workspace ws) { fc_backward_weights(context(), to, nullptr, x.data(), dy.data(), desc, ws); });
    check_kernel(fc_backward_weights_workspace(desc), sum_columns(dy, out), [&](float* to, netrt::Workspace ws) {
      Guarded<float> gradient(dw.size());
      fc_backward_weights(context(), gradient.data(), to, x.data(), dy.data(), desc, ws);
    });
  }
}

TEST_CASE("results do not depend on the number of threads, nor on how many the workspace serves", "[kernels]") {
  const ConvDesc conv{5, 12, 13, 32, 48, 3, 3, 12, 13, 1, 1, 1, 1, 1, 1, 1, Activation::relu, 0};
  const netrt::FcDesc fc{40, 700, 90, Activation::relu, 0};
  const Data data = make_data(conv);
  const Floats fx = random_floats(40 * 700, 6), fw = random_floats(90 * 700, 7), fy = random_floats(40 * 90, 8);
  const auto run = [&](int threads, int planned) {
    const auto workspace = [&](size_t bytes) { return std::make_unique<GuardedWorkspace>(bytes); };
    omp_set_num_threads(planned);
    const auto a = workspace(conv_forward_workspace(conv)), b = workspace(conv_backward_data_workspace(conv));
    const auto c = workspace(conv_backward_weights_workspace(conv));
    const auto d = workspace(fc_forward_workspace(fc)), e = workspace(fc_backward_data_workspace(fc));
    omp_set_num_threads(threads);
    Floats y(data.y.size()), dx(data.x.size()), dw(data.w.size()), db(48), z(40 * 90), dz(40 * 700);
    conv_forward(context(), y.data(), data.x.data(), data.w.data(), data.b.data(), conv, a->get());
    conv_backward_data(context(), dx.data(), data.y.data(), data.w.data(), conv, b->get());
    conv_backward_weights(context(), dw.data(), db.data(), data.x.data(), data.y.data(), conv, c->get());
    fc_forward(context(), z.data(), fx.data(), fw.data(), nullptr, fc, d->get());
    fc_backward_data(context(), dz.data(), fy.data(), fw.data(), fc, e->get());
    for (const Floats* more : {&dx, &dw, &db, &z, &dz}) y.insert(y.end(), more->begin(), more->end());
    return y;
  };
  const int before = omp_get_max_threads();
  const Floats one = run(1, 1);
  CHECK(same_bits(run(2, 2), one));
  CHECK(same_bits(run(3, 3), one));
  CHECK(same_bits(run(3, 2), one));
  omp_set_num_threads(before);
}
