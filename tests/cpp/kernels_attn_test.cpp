// Attention and rotary positions against their formulas in double, with the whole t x t matrices that the kernels never make.
#include <omp.h>

#include "cpu/tile_pack.h"
#include "kernel_checks.h"
#include "random.h"

namespace {

using namespace kernel_checks;
using netrt::AttnDesc;
using Doubles = std::vector<double>;

/// n, t, heads, kv_heads, size, causal, p, stream. Lengths around the tiles of 48, 64 and 96; sizes that are and are not whole vectors.
const AttnDesc cases[] = {{2, 1, 1, 1, 4, 0, 0, 0},     {2, 5, 3, 3, 3, 1, 0, 0},     {1, 64, 2, 2, 16, 0, 0, 0},   {1, 65, 2, 2, 20, 1, 0, 0},
                          {3, 47, 4, 2, 8, 1, 0, 0},    {1, 130, 6, 2, 17, 0, 0, 0},  {1, 197, 2, 1, 64, 0, 0, 0},  {1, 200, 3, 1, 33, 1, 0, 0},
                          {2, 70, 4, 2, 5, 1, 0.3f, 9}, {1, 128, 2, 2, 32, 0, 0.5f, 4}, {1, 97, 1, 1, 80, 1, 0, 0}, {2, 96, 2, 2, 1, 0, 0.1f, 1}};

size_t width(const AttnDesc& d) { return (size_t(d.heads) + 2 * d.kv_heads) * d.size; }

std::string text(const AttnDesc& d) {
  return "n " + std::to_string(d.n) + ", t " + std::to_string(d.t) + ", heads " + std::to_string(d.heads) + ", kv " + std::to_string(d.kv_heads) +
         ", size " + std::to_string(d.size) + (d.causal ? ", causal" : "") + ", p " + std::to_string(d.p);
}

/// Uninitialised memory that shows: every float a NaN.
Floats unset(size_t count) { return Floats(count, NAN); }

struct Scratch {
  explicit Scratch(size_t bytes) : memory(unset(bytes / sizeof(float))), bytes(bytes) { CHECK(bytes % sizeof(float) == 0); }
  netrt::Workspace get() { return {memory.data(), bytes}; }
  Guarded<float> memory;
  size_t bytes;
};

struct Forward {
  Floats y, lse;
};

Forward forward(const Floats& qkv, const AttnDesc& d) {
  Guarded<float> y(unset(size_t(d.n) * d.t * d.heads * d.size)), lse(unset(size_t(d.n) * d.heads * d.t)), alone(unset(y.values().size()));
  Scratch scratch(attn_forward_workspace(d));
  attn_forward(context(), y.data(), lse.data(), qkv.data(), d, scratch.get());
  attn_forward(context(), alone.data(), nullptr, qkv.data(), d, scratch.get());
  CHECK(same_bits(y.values(), alone.values()));
  return {y.values(), lse.values()};
}

Floats backward(const Floats& qkv, const Forward& made, const Floats& dy, const AttnDesc& d) {
  Guarded<float> dqkv(unset(qkv.size()));
  Scratch scratch(attn_backward_workspace(d));
  attn_backward(context(), dqkv.data(), qkv.data(), made.y.data(), made.lse.data(), dy.data(), d, scratch.get());
  return dqkv.values();
}

struct Reference {
  Doubles y, lse, dqkv;
};

/// One head of one sample: pointers to its first query, key, value and output, and what a token further adds.
struct HeadAt {
  size_t q, k, v, out, pitch, out_pitch, row;  ///< row: of lse and of the dropout mask
};

HeadAt head_at(const AttnDesc& d, size_t n, size_t h) {
  const size_t kv = h / (d.heads / d.kv_heads), base = n * d.t * width(d);
  return {base + h * d.size, base + (d.heads + kv) * d.size, base + (d.heads + d.kv_heads + kv) * d.size, (n * d.t * d.heads + h) * d.size, width(d),
          size_t(d.heads) * d.size, (n * d.heads + h) * d.t};
}

/// What query i's probability of key j is multiplied with: DropDesc's rule for the element (row + i) * t + j.
double factor(const AttnDesc& d, const HeadAt& at, size_t i, size_t j) {
  if (d.p == 0) return 1;
  const netrt::RunState& run = netrt::run_state(context());
  const uint64_t element = (at.row + i) * d.t + j;
  const uint32_t bits = netrt::philox(run.seed, netrt::drop_stream(d.stream, run.micro_step), element / 4).v[element % 4];
  return netrt::uniform01(bits) >= d.p ? 1 / (1 - double(d.p)) : 0;
}

void reference_head(Reference& to, const Floats& qkv, const Floats& dy, const AttnDesc& d, const HeadAt& at) {
  const size_t t = d.t, size = d.size;
  const double scale = 1 / std::sqrt(double(d.size));
  for (size_t i = 0; i < t; ++i) {
    const size_t seen = d.causal ? i + 1 : t;
    Doubles p(seen), dp(seen);
    double sum = 0, dot = 0;
    for (size_t j = 0; j < seen; ++j) {
      double score = 0;
      for (size_t e = 0; e < size; ++e) score += double(qkv[at.q + i * at.pitch + e]) * qkv[at.k + j * at.pitch + e];
      sum += p[j] = std::exp(score * scale);
    }
    to.lse[at.row + i] = std::log(sum);
    for (size_t j = 0; j < seen; ++j) {
      p[j] /= sum;
      for (size_t e = 0; e < size; ++e) {
        const double kept = p[j] * factor(d, at, i, j), gradient = dy[at.out + i * at.out_pitch + e];
        to.y[at.out + i * at.out_pitch + e] += kept * qkv[at.v + j * at.pitch + e];
        to.dqkv[at.v + j * at.pitch + e] += kept * gradient;
        dp[j] += factor(d, at, i, j) * gradient * qkv[at.v + j * at.pitch + e];
      }
      dot += p[j] * dp[j];
    }
    for (size_t j = 0; j < seen; ++j) {
      const double ds = p[j] * (dp[j] - dot) * scale;
      for (size_t e = 0; e < size; ++e) {
        to.dqkv[at.q + i * at.pitch + e] += ds * qkv[at.k + j * at.pitch + e];
        to.dqkv[at.k + j * at.pitch + e] += ds * qkv[at.q + i * at.pitch + e];
      }
    }
  }
}

Reference reference(const Floats& qkv, const Floats& dy, const AttnDesc& d) {
  Reference made{Doubles(dy.size()), Doubles(size_t(d.n) * d.heads * d.t), Doubles(qkv.size())};
  for (int n = 0; n < d.n; ++n)
    for (int h = 0; h < d.heads; ++h) reference_head(made, qkv, dy, d, head_at(d, n, h));
  return made;
}

}  // namespace

TEST_CASE("attention equals its formula in double, and so do its gradients", "[kernels]") {
  for (const AttnDesc& d : cases) {
    INFO(text(d));
    const Floats qkv = random_floats(size_t(d.n) * d.t * width(d), 1, -2, 2), dy = random_floats(size_t(d.n) * d.t * d.heads * d.size, 2);
    const Reference expected = reference(qkv, dy, d);
    const Forward made = forward(qkv, d);
    check_close(made.y, expected.y, 2e-6);
    check_close(made.lse, expected.lse, 2e-6);
    check_close(backward(qkv, made, dy, d), expected.dqkv, 5e-6);
  }
}

TEST_CASE("attention's result does not depend on the number of threads, nor on a larger workspace", "[kernels]") {
  const int threads = omp_get_max_threads();
  for (const AttnDesc& d : {AttnDesc{3, 100, 4, 2, 16, 1, 0.2f, 3}, AttnDesc{1, 150, 2, 2, 20, 0, 0, 0}}) {
    const Floats qkv = random_floats(size_t(d.n) * d.t * width(d), 1), dy = random_floats(size_t(d.n) * d.t * d.heads * d.size, 2);
    omp_set_num_threads(1);
    const Forward one = forward(qkv, d);
    const Floats gradient = backward(qkv, one, dy, d);
    omp_set_num_threads(3);
    const Forward three = forward(qkv, d);
    CHECK(same_bits(one.y, three.y));
    CHECK(same_bits(one.lse, three.lse));
    CHECK(same_bits(gradient, backward(qkv, three, dy, d)));
    omp_set_num_threads(threads);
  }
}

TEST_CASE("attention with scores far beyond the range of exp stays its formula", "[kernels]") {
  const AttnDesc d{1, 80, 1, 1, 16, 1, 0, 0};
  Floats qkv = random_floats(size_t(d.t) * width(d), 1);
  for (size_t i = 0; i < qkv.size(); ++i) {
    if (i % width(d) < 16) qkv[i] *= 1000.0f;  // scores of hundreds, on both sides of 0
  }
  const Floats dy = random_floats(size_t(d.t) * d.size, 2);
  const Forward made = forward(qkv, d);
  for (int i = 0; i < d.t; ++i) {
    std::vector<double> scores;
    for (int j = 0; j <= i; ++j) {
      scores.push_back(0);
      for (int e = 0; e < d.size; ++e) scores.back() += double(qkv[i * width(d) + e]) * qkv[j * width(d) + d.size + e] / 4;
    }
    const double highest = *std::max_element(scores.begin(), scores.end());
    double sum = 0, value = 0;
    for (int j = 0; j <= i; ++j) {
      sum += std::exp(scores[j] - highest);
      value += std::exp(scores[j] - highest) * qkv[j * width(d) + 2 * d.size];
    }
    CHECK(made.lse[i] == Approx(highest + std::log(sum)).epsilon(1e-5));
    CHECK(made.y[i * d.size] == Approx(value / sum).margin(1e-3));  // the scores themselves are rounded to some 1e-5
  }
  for (const float g : backward(qkv, made, dy, d)) REQUIRE(std::isfinite(g));
}

TEST_CASE("a causal token's output does not depend on the tokens behind it", "[kernels]") {
  const AttnDesc d{1, 140, 2, 2, 12, 1, 0, 0};
  Floats qkv = random_floats(size_t(d.t) * width(d), 1);
  const Floats before = forward(qkv, d).y;
  for (size_t i = 100 * width(d); i < qkv.size(); ++i) qkv[i] = 3.0f - qkv[i];
  const Floats after = forward(qkv, d).y;
  const size_t known = size_t(100) * d.heads * d.size;
  CHECK(same_bits(Floats(before.begin(), before.begin() + known), Floats(after.begin(), after.begin() + known)));
  CHECK(before[known] != after[known]);
}

TEST_CASE("rows are packed into panels of 16, zeros where there is none", "[kernels]") {
  for (const int rows : {1, 7, 8, 9, 16, 17, 24, 31}) {
    for (const int depth : {1, 5, 8, 17}) {
      const int pitch = depth + 3, panels = (rows + 15) / 16;
      const Floats x = random_floats(size_t(rows) * pitch, 1);
      Guarded<float> packed(unset(size_t(panels) * depth * 16)), turned(unset(size_t(depth) * rows));
      netrt::pack_rows(packed.data(), x.data(), pitch, rows, depth);
      netrt::transpose(turned.data(), rows, x.data(), pitch, rows, depth);
      Floats expected, across(size_t(depth) * rows);
      for (int panel = 0; panel < panels; ++panel)
        for (int k = 0; k < depth; ++k)
          for (int j = panel * 16; j < panel * 16 + 16; ++j) expected.push_back(j < rows ? x[j * pitch + k] : 0.0f);
      for (int row = 0; row < rows; ++row)
        for (int k = 0; k < depth; ++k) across[k * rows + row] = x[row * pitch + k];
      CHECK(same_bits(packed.values(), expected));
      CHECK(same_bits(turned.values(), across));
    }
  }
}

TEST_CASE("rotary positions turn pairs of queries and keys, and turn them back", "[kernels]") {
  // n, t, heads, kv_heads, size, inverse, base
  for (const netrt::RopeDesc& d : {netrt::RopeDesc{2, 5, 2, 1, 6, 0, 10000.0f}, netrt::RopeDesc{1, 300, 1, 1, 2, 0, 500.0f},
                                   netrt::RopeDesc{3, 7, 4, 2, 160, 0, 10000.0f}}) {
    const size_t row = (size_t(d.heads) + 2 * d.kv_heads) * d.size, turned = (size_t(d.heads) + d.kv_heads) * d.size;
    const Floats x = random_floats(d.n * d.t * row, 1);
    Doubles expected(x.begin(), x.end());
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t in_row = i % row, in_head = in_row % d.size, half = d.size / 2;
      if (in_row >= turned) continue;
      const double angle = double(i / row % d.t) * std::pow(double(d.base), -2.0 * double(in_head % half) / d.size);
      const double other = in_head < half ? -double(x[i + half]) : double(x[i - half]);
      expected[i] = x[i] * std::cos(angle) + other * std::sin(angle);
    }
    Guarded<float> y(unset(x.size())), in_place(x), back(x.size());
    rope_forward(context(), y.data(), x.data(), d);
    check_close(y.values(), expected, 1e-6);
    rope_forward(context(), in_place.data(), in_place.data(), d);
    CHECK(same_bits(y.values(), in_place.values()));
    netrt::RopeDesc inverse = d;
    inverse.inverse = 1;
    rope_forward(context(), back.data(), y.data(), inverse);
    check_close(back.values(), x, 1e-6);
  }
}
