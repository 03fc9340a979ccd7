#include "passes/arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "passes/suggest.h"

namespace netc {
namespace {

using ast::Expr;
using ast::Item;

bool numeric(ArgKind kind) { return kind == ArgKind::integer || kind == ArgKind::number; }

/// A bare name, which may be a word of the statement.
const std::string* bare_name(const Item& item) {
  return item.kind == Item::Kind::expr && item.values[0].kind == Expr::Kind::name ? &item.values[0].text : nullptr;
}

class Matcher {
 public:
  Matcher(const ast::Layer& layer, std::string_view verb, std::span<const ArgSpec> specs, const Surroundings& around)
      : layer_(layer), verb_(verb), specs_(specs), around_(around) {
    out_.source = verb;
  }

  Matched run() {
    while (at_ < layer_.items.size()) step(layer_.items[at_++]);
    check_required();
    return std::move(out_);
  }

 private:
  void step(const Item& item) {
    switch (item.kind) {
      case Item::Kind::kernel: return kernel(item);
      case Item::Kind::range: return range(item);
      case Item::Kind::assign: return assign(item);
      case Item::Kind::string: return unexpected(item, "takes no string");
      case Item::Kind::expr: break;
    }
    if (const std::string* name = bare_name(item)) {
      if (const ArgSpec* spec = word(*name)) return by_word(*spec, item);
      if (around_.scope.find(*name) == nullptr) return unknown_word(item, *name);
    }
    const ArgSpec* spec = free_position([](const ArgSpec& s) { return numeric(s.kind); });
    if (spec == nullptr) return unexpected(item, "takes no further number");
    ArgValue value;
    value.where = item.where;
    if (add_number(*spec, item.values[0], value)) {
      out_.source += " " + text_;
    }
    set(*spec, std::move(value), item.where);
  }

  const ArgSpec* word(std::string_view name) const {
    for (const ArgSpec& spec : specs_)
      if (!spec.positional && spec.name == name) return &spec;
    return nullptr;
  }

  template <class Test>
  const ArgSpec* free_position(Test test) const {
    for (const ArgSpec& spec : specs_)
      if (spec.positional && test(spec) && !given(spec)) return &spec;
    return nullptr;
  }

  bool given(const ArgSpec& spec) const { return out_.args.has(spec.name); }

  Diagnostic& error(std::string_view code, Location where, std::string message) {
    out_.complete = false;
    return around_.diagnostics.error(code, where, std::move(message));
  }

  void unexpected(const Item& item, std::string_view what) {
    error("N0205", item.where, fmt::format("`{}` {}", verb_, what)).help = "write " + usage(verb_, specs_);
  }

  void unknown_word(const Item& item, const std::string& name) {
    Suggestion suggestion(name);
    for (const ArgSpec& spec : specs_)
      if (!spec.positional) suggestion.consider(spec.name);
    const ArgSpec* spec = free_position([](const ArgSpec& s) { return numeric(s.kind); });
    if (!suggestion.found() && spec != nullptr && item.kind == Item::Kind::expr) {
      evaluate(item.values[0], around_);  // reports that the name is not defined
      out_.complete = false;
      return set(*spec, {}, item.where);
    }
    error("N0203", item.where, fmt::format("`{}` has no word `{}`", verb_, name)).help = suggestion.text("write " + usage(verb_, specs_));
  }

  void set(const ArgSpec& spec, ArgValue value, Location where) {
    if (given(spec)) {
      error("N0209", where, fmt::format("`{}` is given twice", spec.name));
      return;
    }
    out_.args.set(spec.name, std::move(value));
  }

  /// Appends one number to `value`; leaves its text in text_.
  bool add_number(const ArgSpec& spec, const Expr& expr, ArgValue& value) {
    const Number number = evaluate(expr, around_);
    text_ = number.text();
    if (!number.known()) return out_.complete = false;
    if (spec.kind == ArgKind::number) {
      value.numbers.push_back(number.real);
      return true;
    }
    const auto whole = whole_number(number, expr.where, fmt::format("`{}`", verb_), around_.diagnostics);
    if (!whole) return out_.complete = false;
    value.numbers.push_back(static_cast<double>(*whole));
    return true;
  }

  void kernel(const Item& item) {
    const ArgSpec* spec = free_position([](const ArgSpec& s) { return s.kind == ArgKind::kernel || s.kind == ArgKind::size; });
    if (spec == nullptr) {
      const bool again =
          std::ranges::any_of(specs_, [](const ArgSpec& s) { return s.positional && (s.kind == ArgKind::kernel || s.kind == ArgKind::size); });
      return unexpected(item, again ? "takes one kernel" : "takes no kernel");
    }
    if (item.values.size() != 2) {
      error("N0205", item.where, fmt::format("`{}` wants height x width, not {} sizes", verb_, item.values.size()));
      return out_.args.set(spec->name, {});
    }
    if (spec->kind == ArgKind::size && !item.stride.empty()) return unexpected(item, "takes no stride");
    ArgValue value;
    value.where = item.where;
    std::string text = " ";
    for (const std::vector<Expr>* part : {&item.values, &item.stride})
      for (size_t i = 0; i < part->size(); ++i) {
        add_number(*spec, (*part)[i], value);
        text += (i > 0 ? "x" : part == &item.stride ? "/" : "") + text_;
      }
    if (item.stride.size() > 2) error("N0205", item.where, "a stride is one number or two");
    if (value.numbers.size() == 3) value.numbers.push_back(value.numbers[2]);  // one stride serves both directions
    out_.source += text;
    set(*spec, std::move(value), item.where);
  }

  void range(const Item& item) {
    const ArgSpec* spec = free_position([](const ArgSpec& s) { return s.kind == ArgKind::range; });
    if (spec == nullptr) return unexpected(item, "takes no range");
    ArgValue value;
    value.where = item.where;
    add_number(*spec, item.values[0], value);
    out_.source += " " + text_;
    add_number(*spec, item.values[1], value);
    out_.source += ".." + text_;
    set(*spec, std::move(value), item.where);
  }

  /// `pad=1,2`; the words of a list are named in the same way as those that stand alone.
  void assign(const Item& item) {
    const auto spec = std::ranges::find(specs_, std::string_view(item.text), &ArgSpec::name);
    if (spec == specs_.end() || (!numeric(spec->kind) && spec->kind != ArgKind::label)) {
      const bool flag = spec != specs_.end() && spec->kind == ArgKind::flag;
      if (flag) return unexpected(item, fmt::format("takes `{}` without a value", item.text));
      return unknown_word(item, item.text);
    }
    ArgValue value;
    value.where = item.where;
    if (spec->kind == ArgKind::label) return label(*spec, item.values[0], item.where);
    if (item.values.size() > static_cast<size_t>(spec->max_values))
      return unexpected(item, fmt::format("takes at most {} numbers for `{}`", spec->max_values, item.text));
    out_.source += " " + item.text;
    for (size_t i = 0; i < item.values.size(); ++i) {
      add_number(*spec, item.values[i], value);
      out_.source += (i == 0 ? "=" : ",") + text_;
    }
    set(*spec, std::move(value), item.where);
  }

  void label(const ArgSpec& spec, const Expr& name, Location where) {
    if (name.kind != Expr::Kind::name) {
      error("N0205", name.where, fmt::format("`{}` wants a name", spec.name));
      return;
    }
    ArgValue value;
    value.where = name.where;
    value.text = name.text;
    out_.source += fmt::format(" {} {}", spec.name, name.text);
    set(spec, std::move(value), where);
  }

  /// A word and the numbers that follow it: as many as it must have, and more only where they cannot be the statement's own.
  void by_word(const ArgSpec& spec, const Item& item) {
    if (spec.kind == ArgKind::label) {
      if (at_ < layer_.items.size() && bare_name(layer_.items[at_]) != nullptr) return label(spec, layer_.items[at_++].values[0], item.where);
      error("N0204", item.where, fmt::format("`{}` wants a name behind it", spec.name));
      return;
    }
    ArgValue value;
    value.where = item.where;
    out_.source += " " + std::string(spec.name);
    if (numeric(spec.kind)) {
      while (static_cast<int>(value.numbers.size()) < spec.max_values && takes_next(spec, value)) {
        if (!add_number(spec, layer_.items[at_++].values[0], value)) break;
        out_.source += " " + text_;
      }
      if (out_.complete && static_cast<int>(value.numbers.size()) < spec.min_values) {
        error("N0204", item.where,
              fmt::format("`{}` wants {} behind it, not {}", spec.name,
                          spec.min_values == 1 ? "a number" : fmt::format("{} numbers", spec.min_values), value.numbers.size()))
            .help = "write " + usage(verb_, specs_);
        value.numbers = Numbers(static_cast<size_t>(spec.min_values));
      }
    }
    set(spec, std::move(value), item.where);
  }

  bool takes_next(const ArgSpec& spec, const ArgValue& value) const {
    if (at_ >= layer_.items.size() || layer_.items[at_].kind != Item::Kind::expr) return false;
    const std::string* name = bare_name(layer_.items[at_]);
    if (name != nullptr && (word(*name) != nullptr || around_.scope.find(*name) == nullptr)) return false;
    if (static_cast<int>(value.numbers.size()) < spec.min_values) return true;
    return free_position([](const ArgSpec& s) { return numeric(s.kind); }) == nullptr;
  }

  static std::string what(const ArgSpec& spec) {
    if (!spec.positional) return "`" + std::string(spec.name) + "`";
    return spec.name.size() == 1 ? "number" : std::string(spec.name);
  }

  void check_required() {
    for (const ArgSpec& spec : specs_) {
      if (!spec.required || given(spec) || !out_.complete) continue;
      error("N0204", layer_.verb.where, fmt::format("`{}` lacks its {}", verb_, what(spec))).help = "write " + usage(verb_, specs_);
    }
  }

  const ast::Layer& layer_;
  std::string_view verb_;
  std::span<const ArgSpec> specs_;
  const Surroundings& around_;
  Matched out_;
  std::string text_;  ///< of the number read last
  size_t at_ = 0;     ///< the item that is next
};

std::string form(const ArgSpec& spec) {
  switch (spec.kind) {
    case ArgKind::kernel: return "KxK[/s]";
    case ArgKind::size: return "HxW";
    case ArgKind::range: return "A..B";
    case ArgKind::label: return "NAME";
    default: break;
  }
  std::string name(spec.name);
  for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

}  // namespace

std::string usage(std::string_view verb, std::span<const ArgSpec> specs) {
  std::string out = "`" + std::string(verb);
  for (const ArgSpec& spec : specs) {
    std::string text = spec.positional ? form(spec) : std::string(spec.name);
    if (!spec.positional && spec.kind == ArgKind::label) text += " LABEL";
    if (!spec.positional && numeric(spec.kind) && spec.min_values > 0) text += spec.min_values == 1 ? " N" : " N N";
    out += spec.required ? " " + text : " [" + text + "]";
  }
  return out + "`";
}

Matched match_arguments(const ast::Layer& layer, std::string_view verb, std::span<const ArgSpec> specs, const Surroundings& around) {
  return Matcher(layer, verb, specs, around).run();
}

}  // namespace netc
