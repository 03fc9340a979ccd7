// Token embeddings, positions and the class token.
#include "kernel_checks.h"

namespace {
using namespace kernel_checks;
}  // namespace

TEST_CASE("embed looks rows up, and adds each row's gradient to its id", "[kernels]") {
  const netrt::EmbedDesc d{300, 11, 67};
  const Floats w = random_floats(11 * 67, 1), dy = random_floats(300 * 67, 2), before = random_floats(w.size(), 3);
  std::vector<int32_t> ids(300);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int32_t>(i * i % 10);  // id 10 never occurs
  Guarded<float> y(dy.size()), dw(before);
  embed_forward(context(), y.data(), ids.data(), w.data(), d);
  embed_backward(context(), dw.data(), ids.data(), dy.data(), d);
  Floats rows;
  std::vector<double> sums(before.begin(), before.end());
  for (size_t i = 0; i < dy.size(); ++i) {
    const size_t at = ids[i / 67] * 67 + i % 67;
    rows.push_back(w[at]);
    sums[at] += dy[i];
  }
  CHECK(same_bits(y.values(), rows));
  check_close(dw.values(), sums, 1e-6);
}

TEST_CASE("position adds the row of each place, rows beyond the sequence get no gradient", "[kernels]") {
  const netrt::PositionDesc d{5, 7, 33, 9};
  const Floats x = random_floats(5 * 7 * 33, 1), w = random_floats(9 * 33, 2);
  std::vector<double> expected, dw(w.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const size_t at = i % (7 * 33);
    expected.push_back(double(x[i]) + w[at]);
    dw[at] += x[i];
  }
  Guarded<float> y(x.size()), in_place(x), gradient(Floats(w.size(), NAN));
  position_forward(context(), y.data(), x.data(), w.data(), d);
  position_forward(context(), in_place.data(), in_place.data(), w.data(), d);
  position_backward_weights(context(), gradient.data(), x.data(), d);
  check_close(y.values(), expected, 1e-6);
  CHECK(same_bits(y.values(), in_place.values()));
  check_close(gradient.values(), dw, 1e-6);
}

TEST_CASE("cls puts its weight before each sequence", "[kernels]") {
  const netrt::ClsDesc d{3, 4, 5};
  const Floats x = random_floats(3 * 4 * 5, 1), w = random_floats(5, 2), dy = random_floats(3 * 5 * 5, 3);
  Floats expected;
  std::vector<double> dw(5);
  for (int n = 0; n < 3; ++n) {
    expected.insert(expected.end(), w.begin(), w.end());
    expected.insert(expected.end(), x.begin() + n * 20, x.begin() + (n + 1) * 20);
    for (int j = 0; j < 5; ++j) dw[j] += dy[n * 25 + j];
  }
  Guarded<float> y(expected.size()), gradient(5);
  cls_forward(context(), y.data(), x.data(), w.data(), d);
  cls_backward_weights(context(), gradient.data(), dy.data(), d);
  CHECK(same_bits(y.values(), expected));
  check_close(gradient.values(), dw, 1e-6);
}
