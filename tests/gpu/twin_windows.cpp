// Cases of pooling and resampling.
#include "twin_lab.h"

namespace twin {
namespace {

using netrt::PoolDesc;
using netrt::UpsampleDesc;

PoolDesc pool(int32_t n, int32_t h, int32_t w, int32_t c, int32_t r, int32_t stride, int32_t pad, int32_t index_bytes, int32_t count_pad) {
  return {n, h, w, c, r, r, (h + 2 * pad - r) / stride + 1, (w + 2 * pad - r) / stride + 1, stride, stride, pad, pad, index_bytes, count_pad};
}

void run_pool(Lab& lab, const PoolDesc& d) {
  const int64_t in = int64_t{d.n} * d.h * d.w * d.c, out = int64_t{d.n} * d.oh * d.ow * d.c;
  for (const bool with_index : {true, false}) {
    lab.begin("pool_forward", text_of(d) + (with_index ? " index" : ""));
    // Few distinct values, so that windows hold equal maxima.
    std::vector<float> values = lab.numbers(in, -2, 2);
    for (float& value : values) value = static_cast<float>(static_cast<int32_t>(value * 4)) * 0.25f;
    const float* x = lab.upload(values);
    float* y = lab.output(out);
    uint8_t* index = with_index ? lab.output_bytes(out * d.index_bytes) : nullptr;
    pool_forward(lab.context(), y, index, x, d);
    lab.record("y", y, out, 0);
    if (!with_index) continue;
    lab.record_bytes("index", index, out * d.index_bytes);
    const float* dy = lab.random(out);
    float* dx = lab.output(in);
    pool_backward(lab.context(), dx, dy, index, d);
    lab.record("dx of pool_backward", dx, in, 1e-6);
  }
  lab.begin("pool_backward", text_of(d));  // recorded above, with the index that the forward kernel made
}

void run_avgpool(Lab& lab, const PoolDesc& d) {
  const int64_t in = int64_t{d.n} * d.h * d.w * d.c, out = int64_t{d.n} * d.oh * d.ow * d.c;
  lab.begin("avgpool_forward", text_of(d));
  const float* x = lab.random(in);
  float* y = lab.output(out);
  avgpool_forward(lab.context(), y, x, d);
  lab.record("y", y, out, 2e-6);

  lab.begin("avgpool_backward", text_of(d));
  const float* dy = lab.random(out);
  float* dx = lab.output(in);
  avgpool_backward(lab.context(), dx, dy, d);
  lab.record("dx", dx, in, 2e-6);
}

void run_upsample(Lab& lab, const UpsampleDesc& d) {
  const int64_t in = int64_t{d.n} * d.h * d.w * d.c, out = in * d.factor * d.factor;
  lab.begin("upsample_forward", text_of(d));
  const float* x = lab.random(in);
  float* y = lab.output(out);
  upsample_forward(lab.context(), y, x, d);
  lab.record("y", y, out, 2e-6);

  lab.begin("upsample_backward", text_of(d));
  const float* dy = lab.random(out);
  float* dx = lab.output(in);
  upsample_backward(lab.context(), dx, dy, d);
  lab.record("dx", dx, in, 2e-6);
}

}  // namespace

void run_windows(Lab& lab) {
  for (const PoolDesc& d : {pool(2, 25, 25, 32, 2, 2, 0, 1, 0), pool(2, 11, 13, 5, 3, 2, 1, 1, 0), pool(1, 40, 40, 4, 17, 9, 3, 2, 0),
                            pool(2, 9, 9, 7, 3, 1, 1, 2, 0), pool(1, 56, 56, 64, 3, 2, 1, 1, 0)}) {
    run_pool(lab, d);
  }
  for (const PoolDesc& d : {pool(2, 7, 7, 64, 7, 7, 0, 1, 0), pool(2, 11, 13, 5, 3, 2, 1, 1, 0), pool(2, 11, 13, 8, 3, 2, 1, 1, 1),
                            pool(1, 14, 14, 16, 2, 2, 0, 1, 0), pool(1, 5, 5, 3, 5, 1, 0, 1, 0)}) {
    run_avgpool(lab, d);
  }
  for (const UpsampleDesc& d : {UpsampleDesc{2, 5, 7, 3, 2, 0}, UpsampleDesc{2, 5, 7, 8, 2, 1}, UpsampleDesc{1, 4, 4, 5, 3, 1},
                                UpsampleDesc{1, 1, 1, 4, 4, 1}, UpsampleDesc{1, 6, 6, 16, 3, 0}}) {
    run_upsample(lab, d);
  }
}

}  // namespace twin
