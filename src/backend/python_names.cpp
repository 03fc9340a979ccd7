#include "backend/python_names.h"

#include <fmt/format.h>

#include <cctype>

namespace netc {

namespace {

/// Python's keywords, what an nn.Module (of PyTorch 1.13 or 2) calls its own, and names that a forward function uses.
bool is_taken_by_python(const std::string& name) {
  static const std::unordered_set<std::string> names{
      "False", "None", "True", "and", "as", "assert", "async", "await", "break", "case", "class", "continue", "def", "del", "elif", "else",
      "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "match", "nonlocal", "not", "or", "pass", "raise",
      "return", "try", "type", "while", "with", "yield",
      "T_destination", "add_module", "apply", "bfloat16", "buffers", "call_super_init", "children", "compile", "cpu", "cuda", "double",
      "dump_patches", "eval", "extra_repr", "float", "forward", "get_buffer", "get_extra_state", "get_parameter", "get_submodule", "half",
      "ipu", "load_state_dict", "modules", "mtia", "named_buffers", "named_children", "named_modules", "named_parameters", "parameters",
      "register_backward_hook", "register_buffer", "register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook",
      "register_full_backward_pre_hook", "register_load_state_dict_post_hook", "register_load_state_dict_pre_hook", "register_module",
      "register_parameter", "register_state_dict_post_hook", "register_state_dict_pre_hook", "requires_grad_", "set_extra_state",
      "set_submodule", "share_memory", "state_dict", "to", "to_empty", "train", "training", "xpu", "zero_grad",
      "self", "super", "y"};
  // x, x2, x3: what a forward function is given.
  return names.contains(name) || (name[0] == 'x' && name.find_first_not_of("0123456789", 1) == std::string::npos);
}

}  // namespace

std::string PythonNames::make(std::string_view name) {
  std::string made;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    made += byte < 0x80 && std::isalnum(byte) ? c : '_';
  }
  // A leading underscore is Python's private mark, two are nn.Module's own.
  if (made.empty() || std::isdigit(static_cast<unsigned char>(made[0])) || made[0] == '_') made.insert(0, "v");
  while (is_taken_by_python(made) || reserved_->contains(made)) made += '_';
  std::string unique = made;
  for (int i = 2; !taken_.insert(unique).second; ++i) unique = fmt::format("{}_{}", made, i);
  return unique;
}

}  // namespace netc
