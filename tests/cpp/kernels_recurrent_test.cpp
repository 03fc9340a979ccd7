// The recurrences of lstm and gru against PyTorch's formulas in double.
#include <omp.h>

#include <limits>

#include "kernel_checks.h"

namespace {

using namespace kernel_checks;
using netrt::RecurrentDesc;
using Doubles = std::vector<double>;

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

/// What a recurrence leaves: y, the gates, and an lstm's cells or a gru's inner products.
struct Left {
  Doubles y, gates, kept;
};

struct Sizes {
  size_t n, t, hidden, directions, gates;
  size_t states() const { return n * t * directions * hidden; }
  size_t gate_values() const { return states() * gates; }
  size_t rows() const { return directions * gates * hidden; }
};

Sizes sizes_of(const RecurrentDesc& d, bool lstm) { return {size_t(d.n), size_t(d.t), size_t(d.hidden), size_t(d.directions), size_t(lstm ? 4 : 3)}; }

/// One unit of one token: its gates from the projection p and the state's products s (biases included).
void unit_formula(bool lstm, const Doubles& p, const Doubles& s, double cell_before, double state_before, double* gates, size_t stride, double& kept,
                  double& y) {
  if (lstm) {
    const double i = logistic(p[0] + s[0]), f = logistic(p[1] + s[1]), g = std::tanh(p[2] + s[2]), o = logistic(p[3] + s[3]);
    const Doubles values{i, f, g, o};
    for (size_t k = 0; k < 4; ++k) gates[k * stride] = values[k];
    kept = f * cell_before + i * g;
    y = o * std::tanh(kept);
  } else {
    const double r = logistic(p[0] + s[0]), z = logistic(p[1] + s[1]), n = std::tanh(p[2] + r * s[2]);
    const Doubles values{r, z, n};
    for (size_t k = 0; k < 3; ++k) gates[k * stride] = values[k];
    kept = s[2];
    y = (1 - z) * n + z * state_before;
  }
}

Left formula(bool lstm, const Doubles& projected, const Doubles& w, const Doubles& b, const RecurrentDesc& d) {
  const Sizes size = sizes_of(d, lstm);
  const size_t h = size.hidden, gates = size.gates, gate_pitch = size.rows(), pitch = size.directions * h;
  Left left{Doubles(size.states()), Doubles(size.gate_values()), Doubles(size.states())};
  for (size_t direction = 0; direction < size.directions; ++direction) {
    for (size_t sample = 0; sample < size.n; ++sample) {
      Doubles state(h), cell(h);
      for (size_t step = 0; step < size.t; ++step) {
        const size_t row = sample * size.t + (direction == 0 ? step : size.t - 1 - step);
        Doubles next(h);
        for (size_t unit = 0; unit < h; ++unit) {
          Doubles p(gates), s(gates);
          for (size_t gate = 0; gate < gates; ++gate) {
            const size_t at = (direction * gates + gate) * h + unit;
            p[gate] = projected[row * gate_pitch + at];
            s[gate] = b.empty() ? 0 : b[at];
            for (size_t k = 0; k < h; ++k) s[gate] += w[at * h + k] * state[k];
          }
          const size_t out = row * pitch + direction * h + unit;
          unit_formula(lstm, p, s, cell[unit], state[unit], &left.gates[row * gate_pitch + direction * gates * h + unit], h, left.kept[out], left.y[out]);
          next[unit] = left.y[out];
        }
        for (size_t unit = 0; unit < h; ++unit) cell[unit] = left.kept[row * pitch + direction * h + unit];
        state = next;
      }
    }
  }
  return left;
}

/// The shapes: more samples than steps and fewer, one step, one unit, and more units than one thread works on at a time.
const RecurrentDesc shapes[] = {{3, 5, 7, 1}, {6, 3, 4, 2}, {1, 9, 5, 2}, {4, 1, 3, 2}, {2, 4, 1, 1}, {2, 3, 70, 2}, {5, 3, 130, 1}};

struct Case {
  Floats projected, w, b, dy;
  Case(const RecurrentDesc& d, bool lstm, bool bias) {
    const Sizes size = sizes_of(d, lstm);
    const float scale = 1.5f / std::sqrt(float(d.hidden));
    projected = random_floats(size.gate_values(), 1, -2, 2);
    w = random_floats(size.rows() * size.hidden, 2, -scale, scale);
    if (bias) b = random_floats(size.rows(), 3);
    dy = random_floats(size.states(), 4);
  }
  const float* bias() const { return b.empty() ? nullptr : b.data(); }
};

struct Forward {
  Floats y, gates, kept;
};

Forward run_forward(bool lstm, const Case& c, const RecurrentDesc& d, bool keep = true, bool in_place = false) {
  const Sizes size = sizes_of(d, lstm);
  Guarded<float> y(size.states()), kept(size.states()), gates(c.projected);
  GuardedWorkspace workspace(lstm ? lstm_forward_workspace(d) : gru_forward_workspace(d));
  (lstm ? netrt::lstm_forward : netrt::gru_forward)(context(), keep ? gates.data() : nullptr, y.data(), keep ? kept.data() : nullptr,
                                                    in_place ? gates.data() : c.projected.data(), c.w.data(), c.bias(), d, workspace.get());
  return {y.values(), gates.values(), kept.values()};
}

struct Backward {
  Floats dprojected, dw, db;
};

Backward run_backward(bool lstm, const Case& c, const Forward& forward, const RecurrentDesc& d, bool in_place = false) {
  const Sizes size = sizes_of(d, lstm);
  Guarded<float> gates(forward.gates), dprojected(size.gate_values()), dw(c.w.size()), db(c.b.size());
  GuardedWorkspace workspace(lstm ? lstm_backward_workspace(d) : gru_backward_workspace(d));
  float* to = in_place ? gates.data() : dprojected.data();
  (lstm ? netrt::lstm_backward : netrt::gru_backward)(context(), to, dw.data(), c.b.empty() ? nullptr : db.data(), gates.data(), forward.kept.data(),
                                                      forward.y.data(), c.w.data(), c.dy.data(), d, workspace.get());
  return {in_place ? gates.values() : dprojected.values(), dw.values(), db.values()};
}

/// The slope of sum(y * dy) in `formula` along up to 60 elements of `input`, against a kernel's gradient.
void check_slopes(Doubles& input, const Floats& gradient, const std::function<double()>& loss) {
  REQUIRE(input.size() == gradient.size());
  double scale = 1e-2;
  for (const float g : gradient) scale = std::max(scale, std::abs(double(g)));
  for (size_t i = 0; i < input.size(); i += std::max<size_t>(1, input.size() / 60)) {
    const double kept = input[i], step = 1e-5;
    input[i] = kept + step;
    const double high = loss();
    input[i] = kept - step;
    const double low = loss();
    input[i] = kept;
    INFO("element " << i << ": " << gradient[i] << " instead of " << (high - low) / (2 * step));
    CHECK(std::abs(gradient[i] - (high - low) / (2 * step)) <= 1e-5 * scale);
  }
}

}  // namespace

TEST_CASE("lstm and gru equal their formulas in double", "[kernels]") {
  for (const bool lstm : {true, false}) {
    for (const RecurrentDesc& d : shapes) {
      for (const bool bias : {true, false}) {
        INFO((lstm ? "lstm" : "gru") << " n=" << d.n << " t=" << d.t << " hidden=" << d.hidden << " directions=" << d.directions << " bias=" << bias);
        const Case c(d, lstm, bias);
        const Left expected = formula(lstm, Doubles(c.projected.begin(), c.projected.end()), Doubles(c.w.begin(), c.w.end()), Doubles(c.b.begin(), c.b.end()), d);
        const Forward left = run_forward(lstm, c, d);
        check_close(left.y, expected.y, 2e-6);
        check_close(left.gates, expected.gates, 2e-6);
        check_close(left.kept, expected.kept, 2e-6);
        CHECK(same_bits(left.y, run_forward(lstm, c, d, false).y));  // evaluation
        const Forward in_place = run_forward(lstm, c, d, true, true);
        CHECK(same_bits(left.y, in_place.y));
        CHECK(same_bits(left.gates, in_place.gates));
        CHECK(same_bits(left.kept, in_place.kept));
      }
    }
  }
}

TEST_CASE("gradients of lstm and gru are the slopes of their formulas", "[kernels]") {
  for (const bool lstm : {true, false}) {
    for (const RecurrentDesc& d : shapes) {
      for (const bool bias : {true, false}) {
        INFO((lstm ? "lstm" : "gru") << " n=" << d.n << " t=" << d.t << " hidden=" << d.hidden << " directions=" << d.directions << " bias=" << bias);
        const Case c(d, lstm, bias);
        const Forward forward = run_forward(lstm, c, d);
        const Backward gradients = run_backward(lstm, c, forward, d), in_place = run_backward(lstm, c, forward, d, true);
        CHECK(same_bits(gradients.dprojected, in_place.dprojected));
        CHECK(same_bits(gradients.dw, in_place.dw));
        Doubles projected(c.projected.begin(), c.projected.end()), w(c.w.begin(), c.w.end()), b(c.b.begin(), c.b.end());
        const auto loss = [&] {
          const Doubles y = formula(lstm, projected, w, b, d).y;
          double sum = 0;
          for (size_t i = 0; i < y.size(); ++i) sum += y[i] * c.dy[i];
          return sum;
        };
        check_slopes(projected, gradients.dprojected, loss);
        check_slopes(w, gradients.dw, loss);
        check_slopes(b, gradients.db, loss);
      }
    }
  }
}

TEST_CASE("lstm and gru give the same bits whatever the number of threads", "[kernels]") {
  const int before = omp_get_max_threads();
  for (const bool lstm : {true, false}) {
    for (const RecurrentDesc& d : {RecurrentDesc{8, 12, 200, 2}, RecurrentDesc{9, 4, 40, 1}}) {
      const Case c(d, lstm, true);
      omp_set_num_threads(1);
      const Forward one = run_forward(lstm, c, d);
      const Backward one_back = run_backward(lstm, c, one, d);
      omp_set_num_threads(3);
      const Forward three = run_forward(lstm, c, d);
      const Backward three_back = run_backward(lstm, c, three, d);
      CHECK(omp_get_max_threads() == 3);
      CHECK(same_bits(one.y, three.y));
      CHECK(same_bits(one.kept, three.kept));
      CHECK(same_bits(one_back.dprojected, three_back.dprojected));
      CHECK(same_bits(one_back.dw, three_back.dw));
      CHECK(same_bits(one_back.db, three_back.db));
    }
  }
  omp_set_num_threads(before);
}
