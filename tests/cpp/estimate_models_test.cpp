// The whole compiler on the models beside the repository: parameters and multiply-accumulates of the published tables, rules of thumb,
// plans that the validator accepts and that reach the lower bound.
#include <catch2/catch.hpp>
#include <filesystem>

#include "backend/interpret.h"
#include "driver/compile.h"
#include "estimate/report.h"
#include "estimate/rules.h"
#include "plan/make_plan.h"
#include "plan/validate.h"

using namespace netc;

namespace {

struct Model {
  const char* name;
  int64_t parameters, macs, statistics;
};

constexpr Model kModels[] = {
    {"lenet", 431080, 2293000, 0},
    {"vgg16", 138357544, 15470264320, 0},
    {"googlenet", 6624904, 1498376192, 14560},
    {"resnet50", 25557032, 4089184256, 53120},
    {"densenet121", 7978856, 2834161664, 83648},
    {"mobilenet_v2", 3504872, 300774272, 34112},
    {"efficientnet_b0", 5288548, 385814752, 42016},
    {"unet", 31037633, 48167387136, 11776},
    {"vit_b16", 86567656, 17563828224, 0},
    {"gpt2", 124439808, 145824153600, 0},
};

std::filesystem::path model_path(const std::string& name) {
  for (std::filesystem::path from = NETC_SOURCE_DIR; from != from.root_path(); from = from.parent_path()) {
    const auto path = from / "shared/models" / (name + ".net");
    if (std::filesystem::exists(path)) return path;
  }
  return {};
}

}  // namespace

TEST_CASE("reference models: published parameters and MACs, valid plans without a gap", "[estimate]") {
  for (const Model& model : kModels) {
    INFO(model.name);
    const std::filesystem::path path = model_path(model.name);
    if (path.empty()) {
      WARN("skipped: no shared/models beside the repository");
      return;
    }
    for (bool inference : {false, true}) {
      int64_t statistics = 0;
      for (int64_t batch : {1, 64}) {
        Options options;
        options.file = path.string();
        options.inference = inference;
        options.batch = batch;
        const Target target{"cuda", 2, [](std::string_view, const Desc& desc, int64_t) { return int64_t{100} * static_cast<int64_t>(desc.fields.size()); },
                            true, 0};
        const Compilation made = compile(options, false, target);
        REQUIRE(made.graph);
        std::string error;
        const auto plan = make_plan(*made.graph, target, batch, error);
        REQUIRE(plan);
        CHECK(validate(*plan, *made.graph) == std::vector<std::string>{});
        CHECK(plan->arena == plan->lower_bound);
        const Report report = make_report(*made.graph, *plan, {});
        CHECK(report.totals.parameters == model.parameters);
        CHECK(report.totals.macs == model.macs);
        statistics = 0;
        for (const Value& value : made.graph->values)
          if (value.kind == ValueKind::state) statistics += elements(value.type.shape).value();
        if (std::string(model.name) == "vgg16") CHECK(rules_of_thumb(*made.graph, 1)[0].values == 15237608);
      }
      CHECK(statistics == model.statistics);
    }
  }
}
