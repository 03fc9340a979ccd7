// Cases of the recurrences of lstm and gru, each with the least workspace and with plenty.
#include <cmath>

#include "twin_lab.h"

namespace twin {
namespace {

using netrt::RecurrentDesc;

// Sums in another order, and what that becomes over the steps.
constexpr double kTolerance = 3e-5;

using ForwardKernel = void (*)(netrt::Context&, float*, float*, float*, const float*, const float*, const float*, const RecurrentDesc&, netrt::Workspace);
using BackwardKernel = void (*)(netrt::Context&, float*, float*, float*, const float*, const float*, const float*, const float*, const float*,
                                const RecurrentDesc&, netrt::Workspace);

struct Cell {
  std::string name;
  int64_t gates;
  ForwardKernel forward;
  BackwardKernel backward;
  size_t (*forward_workspace)(const RecurrentDesc&);
  size_t (*backward_workspace)(const RecurrentDesc&);
};

/// Training in place of the projection, as plans have it, or evaluation.
void run_forward(Lab& lab, const Cell& cell, const RecurrentDesc& d, bool bias, bool keeps, bool generous) {
  const int64_t states = int64_t{d.n} * d.t * d.directions * d.hidden, rows = d.directions * cell.gates * d.hidden;
  const float scale = 1.0f / std::sqrt(static_cast<float>(d.hidden));
  lab.begin(cell.name + "_forward", text_of(d) + (bias ? " bias" : "") + (keeps ? "" : " in evaluation") + (generous ? " roomy" : ""));
  const std::vector<float> input = lab.numbers(states * cell.gates, -2, 2);
  float* projected = lab.upload(input);
  const float *w = lab.random(rows * d.hidden, -scale, scale), *b = bias ? lab.random(rows) : nullptr;
  float *y = lab.output(states), *kept = keeps ? lab.output(states) : nullptr;
  cell.forward(lab.context(), keeps ? projected : nullptr, y, kept, projected, w, b, d, lab.workspace(cell.forward_workspace(d), generous));
  lab.record("y", y, states, kTolerance);
  if (!keeps) return;
  lab.record("gates", projected, states * cell.gates, kTolerance);
  lab.record("kept", kept, states, kTolerance);
  float* again = lab.output(states);
  cell.forward(lab.context(), nullptr, again, nullptr, lab.upload(input), w, b, d, lab.workspace(cell.forward_workspace(d), generous));
  lab.record_same("y with gates", y, again, states * sizeof(float));
}

void run_backward(Lab& lab, const Cell& cell, const RecurrentDesc& d, bool bias, bool in_place, bool generous) {
  const int64_t states = int64_t{d.n} * d.t * d.directions * d.hidden, rows = d.directions * cell.gates * d.hidden;
  const float scale = 1.0f / std::sqrt(static_cast<float>(d.hidden));
  lab.begin(cell.name + "_backward", text_of(d) + (bias ? " bias" : "") + (in_place ? " in place" : "") + (generous ? " roomy" : ""));
  float* gates = lab.random(states * cell.gates, 0, 1);
  const float *kept = lab.random(states), *y = lab.random(states), *w = lab.random(rows * d.hidden, -scale, scale), *dy = lab.random(states);
  float *dprojected = in_place ? gates : lab.output(states * cell.gates), *dw = lab.output(rows * d.hidden), *db = bias ? lab.output(rows) : nullptr;
  cell.backward(lab.context(), dprojected, dw, db, gates, kept, y, w, dy, d, lab.workspace(cell.backward_workspace(d), generous));
  lab.record("dprojected", dprojected, states * cell.gates, kTolerance);
  lab.record("dw", dw, rows * d.hidden, kTolerance);
  if (bias) lab.record("db", db, rows, kTolerance);
}

}  // namespace

void run_recurrent(Lab& lab) {
  const Cell lstm{"lstm", 4, netrt::lstm_forward, netrt::lstm_backward, netrt::lstm_forward_workspace, netrt::lstm_backward_workspace};
  const Cell gru{"gru", 3, netrt::gru_forward, netrt::gru_backward, netrt::gru_forward_workspace, netrt::gru_backward_workspace};
  for (const Cell& cell : {lstm, gru}) {
    for (const RecurrentDesc& d : {RecurrentDesc{3, 5, 7, 1}, RecurrentDesc{6, 3, 20, 2}, RecurrentDesc{2, 1, 8, 2}, RecurrentDesc{70, 12, 68, 1},
                                   RecurrentDesc{5, 150, 33, 2}}) {
      for (const bool generous : {false, true}) {
        run_forward(lab, cell, d, generous, true, generous);
        run_forward(lab, cell, d, !generous, false, generous);
        run_backward(lab, cell, d, generous, true, generous);
        run_backward(lab, cell, d, !generous, false, generous);
      }
    }
  }
}

}  // namespace twin
