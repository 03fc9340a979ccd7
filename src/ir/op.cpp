#include "ir/op.h"

#include "support/check.h"

namespace netc {

const ArgValue* Args::find(std::string_view name) const {
  for (const auto& [key, value] : list_)
    if (key == name) return &value;
  return nullptr;
}

int64_t Args::integer(std::string_view name, int64_t fallback, size_t which) const {
  const ArgValue* value = find(name);
  return value && which < value->numbers.size() ? static_cast<int64_t>(value->numbers[which]) : fallback;
}

double Args::number(std::string_view name, double fallback, size_t which) const {
  const ArgValue* value = find(name);
  return value && which < value->numbers.size() ? value->numbers[which] : fallback;
}

size_t Args::count(std::string_view name) const {
  const ArgValue* value = find(name);
  return value ? value->numbers.size() : 0;
}

void Args::set(std::string_view name, ArgValue value) {
  for (auto& [key, old] : list_)
    if (key == name) {
      old = std::move(value);
      return;
    }
  list_.emplace_back(name, std::move(value));
}

std::string_view activation_name(Activation a) {
  constexpr std::string_view names[] = {"none", "relu", "relu6",   "leaky", "elu",       "gelu_erf",
                                        "gelu_tanh", "silu", "sigmoid", "tanh",  "hardswish", "hardsigmoid"};
  return names[static_cast<size_t>(a)];
}

int activation_flops(Activation a) {
  switch (a) {
    case Activation::none: return 0;
    case Activation::relu: return 1;       // a comparison
    case Activation::relu6: return 2;      // two comparisons
    case Activation::leaky: return 2;      // a comparison and a product
    case Activation::elu: return 4;        // a comparison, exp, a difference and a product
    case Activation::gelu_erf: return 5;   // x / 2 * (1 + erf(x / sqrt 2)): three products, a sum and erf
    case Activation::gelu_tanh: return 9;  // x / 2 * (1 + tanh(a (x + b x^3))): six products, two sums and tanh
    case Activation::silu: return 4;       // negate, exp, a sum, a quotient
    case Activation::sigmoid: return 4;    // the same
    case Activation::tanh: return 1;
    case Activation::hardswish: return 5;    // a sum, two comparisons, a product and a quotient
    case Activation::hardsigmoid: return 4;  // a sum, two comparisons and a quotient
  }
  return 0;
}

std::vector<Field>& Fields::own(size_t more) {
  if (!list_ || list_.use_count() > 1) {
    auto copy = std::make_shared<std::vector<Field>>();
    copy->reserve(size() + more);
    copy->assign(begin(), end());
    list_ = std::move(copy);
  }
  return *list_;
}

Desc& Desc::add(std::string_view name, int64_t value) {
  fields.own(4).push_back({.name = name, .integer = value});
  return *this;
}

Desc& Desc::add_per_sample(std::string_view name, int64_t value) {
  fields.own(4).push_back({.name = name, .per_sample = true, .integer = value});
  return *this;
}

Desc& Desc::add_real(std::string_view name, double value) {
  fields.own(4).push_back({.name = name, .kind = Field::Kind::real, .real = value});
  return *this;
}

Desc& Desc::add_activation(Activation a, double alpha) {
  fields.own(4).push_back({.name = "activation", .kind = Field::Kind::activation, .integer = static_cast<int64_t>(a)});
  return add_real("alpha", alpha);
}

int64_t Desc::integer(std::string_view name, int64_t batch) const {
  for (const Field& field : fields)
    if (field.name == name) return field.at(batch);
  NETC_CHECK(false, "a kernel's constants lack a field that was asked for");
}

}  // namespace netc
