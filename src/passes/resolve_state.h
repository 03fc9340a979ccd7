// What the files of the resolve pass share. Internal to src/passes/resolve*.cpp.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "passes/arguments.h"
#include "passes/evaluate.h"
#include "passes/resolve.h"

namespace netc::resolving {

/// The current tensor.
struct Current {
  ValueId value;        ///< none: unknown after a mistake, or no input yet
  bool absent = false;  ///< `none` was said in this branch
  bool in_branch = false;
};

struct Label {
  ValueId value;  ///< none: unknown after a mistake
  LayerId layer;  ///< the layer that left it; none for the input
  Location where;
  bool used = false;
  std::vector<LabelledLayers> layers = {};  ///< of each time a loop passed here
};

struct Definition {
  const ast::Def* def;
  bool called = false;
};

/// One call of a def, or the file itself: its own counters and labels.
struct Frame {
  const Frame* caller = nullptr;
  const ast::Def* def = nullptr;
  Location call;
  std::string prefix;  ///< of the names of its layers: "bottleneck3."
  std::unordered_map<std::string_view, int> counters;
  std::unordered_map<std::string_view, Label> labels;
};

/// An `init` statement: the default initialiser of the layers from `first_layer` on.
struct DefaultInit {
  Init init;
  size_t first_layer;
};

struct Resolver {
  const ResolveOptions& options;
  Sources& sources;
  Diagnostics& diagnostics;
  Graph graph = {};

  std::deque<ast::File> used_files = {};  ///< of `use`; the tree must outlive what points into it
  std::unordered_map<std::string_view, Definition> definitions = {};
  Scope globals = {};
  Frame top = {};
  std::unordered_set<std::string> sets_used = {};
  std::unordered_set<std::string> layer_names = {};
  std::unordered_map<std::string_view, const OpDef*> ops = {};  ///< memo of find_op
  std::vector<DefaultInit> inits = {};
  std::vector<int32_t> readers = {};  ///< of each value: how many layers take it
  size_t depth = 0;                   ///< of blocks and calls at hand
  int64_t steps = 0;                  ///< statements run
  bool stopped = false;               ///< a limit was reached: nothing more is expanded
  bool unknown = false;               ///< some statement had a syntax error, or something unknown was skipped
  bool file_missing = false;          ///< a file of `use` could not be read
  const ast::Setting* loss = nullptr;
  Location input_where = {};
  bool batch_given = false, optimizer_given = false;
  std::vector<ast::Name> recompute = {};  ///< labels named in `train`, which may stand before them

  const OpDef* op(std::string_view name);
};

// resolve_files.cpp
/// Collects the defs of `file` and runs its `use` statements; `chain` are the files being read, for cycles.
void collect(Resolver& r, const ast::File& file, std::vector<int32_t>& chain);
/// Binds the constants of a `let` in `scope`; at the top level `--set` overrides them.
void bind(Resolver& r, const ast::Let& let, Scope& scope, const Current& current);

// resolve_statements.cpp
void run_block(Resolver& r, const ast::Block& block, Frame& frame, const Scope& scope, Current& current);
void run_statement(Resolver& r, const ast::Statement& statement, Frame& frame, Scope& scope, Current& current);
void run_statements(Resolver& r, const std::vector<ast::Statement>& statements, Frame& frame, Scope& scope, Current& current);
Surroundings surroundings(Resolver& r, const Scope& scope, const Current& current);
/// Counts a step; false once nothing more is to be done.
bool step(Resolver& r, Location where);

// resolve_layers.cpp
/// Runs `VERB items branches`: a def, an op or a label. `label`: the name a single layer takes, may be null.
void run_layer(Resolver& r, const ast::Layer& layer, const ast::Name* label, Frame& frame, const Scope& scope, Current& current);
/// Infers and adds one layer; none after a diagnostic.
LayerId add_layer(Resolver& r, const OpDef& op, std::string_view verb, Matched matched, Location where, std::vector<ValueId> inputs,
                  const Origin& origin_of, std::string name);
/// "`pool 2x2/2` at a.net:3": where a value comes from.
std::string origin(const Resolver& r, ValueId value);
/// A name nobody has: `wanted`, or with a number behind it.
std::string unique_name(Resolver& r, std::string wanted);

// resolve_settings.cpp
void run_input(Resolver& r, const ast::Statement& statement, const ast::Input& input, Current& current);
void run_setting(Resolver& r, const ast::Setting& setting, Current& current);

// resolve_train.cpp
void run_train(Resolver& r, const ast::Statement& statement, const ast::Train& train);
/// Holds the labels of `recompute` against those of the file, and counts them as used.
void check_recompute(Resolver& r);
/// What the file leaves open of the training settings, and the notes that say so.
void complete_train(Resolver& r);

// resolve_parameters.cpp
/// Decides biases and makes the values of parameters and states, with their initialisers.
void make_parameters(Resolver& r);

}  // namespace netc::resolving
