// The tree of a `.net` file, as it is written: nothing is evaluated, and names of layers are only text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "diag/diagnostic.h"

namespace netc::ast {

struct Name {
  std::string text;
  Location where;
};

enum class Operator : uint8_t {
  add,
  subtract,
  multiply,
  divide,
  modulo,
  equal,
  unequal,
  less,
  less_equal,
  greater,
  greater_equal,
  logical_and,
  logical_or
};

struct Expr {
  enum class Kind : uint8_t {
    missing,  ///< a syntax error stands here; already reported
    integer,
    real,
    name,        ///< `text`
    input_size,  ///< `in.c`: text is "c"
    scaled,      ///< `4c`: integer * operands[0]
    chain,       ///< operands joined by `operators`, all of one precedence, from left to right
    negate,
    logical_not,
  } kind = Kind::missing;
  Location where;
  int64_t integer = 0;
  double real = 0;
  std::string text;
  std::vector<Operator> operators;
  std::vector<Expr> operands;
};

/// One argument of a statement.
struct Item {
  enum class Kind : uint8_t {
    expr,    ///< `64`, `pad`: values[0]
    kernel,  ///< `3x3/2`, `50x50x3`: values are the sides
    range,   ///< `0..16`: two values
    assign,  ///< `pad=1,2`: text and values
    string,  ///< `"file"`: text
  } kind = Kind::expr;
  Location where;
  std::vector<Expr> values;
  std::vector<Expr> stride;  ///< kernel: one or two values after the slash
  std::string text;
};

struct Statement;

struct Block {
  std::vector<Statement> statements;
  Location where;  ///< of the opening brace
};

/// A verb with its arguments. In `train` and the block of `input` the verbs are settings.
struct Layer {
  Name verb;
  std::vector<Item> items;
  std::vector<Block> branches;
};

/// `LABEL: 3 * res 64`: a layer or a block, perhaps labelled, perhaps repeated.
struct Action {
  std::optional<Name> label;
  std::vector<Expr> counts;
  Layer layer;
  std::optional<Block> block;  ///< instead of the layer
};

struct Net {
  Name name;
};
struct Use {
  std::string path;
};
struct Binding {
  Name name;
  std::optional<Expr> value;  ///< a parameter may have none
};
struct Let {
  std::vector<Binding> bindings;
};
struct Def {
  Name name;
  std::vector<Binding> parameters;
  Block body;
};
struct Row {
  Location where;
  std::vector<Expr> values;
};
struct For {
  std::vector<Name> names;
  std::vector<Row> rows;
  Block body;
};
struct Arm {
  Expr condition;
  Block body;
};
struct If {
  std::vector<Arm> arms;
  std::optional<Block> otherwise;
};
struct Input {
  std::vector<Item> items;
  std::optional<Name> reader;
  std::optional<Name> path;
  std::optional<Block> augmentation;
};
/// `loss`, `init`, `seed`: the verb is the keyword.
struct Setting {
  Layer layer;
};
struct Train {
  Block block;
};
struct None {};
/// A statement with a syntax error, already reported.
struct Broken {
  std::optional<Name> label;  ///< what it would have labelled
};

struct Statement {
  Location where;  ///< of its first word
  std::variant<Broken, Net, Use, Let, Def, For, If, Input, Setting, Train, None, Action> body;
};

struct File {
  int32_t source = 0;  ///< index into Sources
  std::vector<Statement> statements;
  bool whole = true;  ///< false: braces do not match, so what stands where is a guess
};

}  // namespace netc::ast
