#include "diag/diagnostic.h"

#include <functional>

namespace netc {

namespace {
/// What makes two diagnostics the same: the bodies of defs and loops are looked at many times. An error at one place is
/// told once, whatever the sizes; a note is told once for every text.
uint64_t fingerprint(const Diagnostic& d) {
  uint64_t h = std::hash<std::string>{}(d.code);
  const auto mix = [&h](uint64_t x) { h = (h ^ x) * 0x9e3779b97f4a7c15ULL + (h >> 29); };
  mix(static_cast<uint64_t>(d.where.file));
  mix(static_cast<uint64_t>(d.where.line));
  mix(static_cast<uint64_t>(d.where.column));
  if (d.severity == Severity::note || !d.where.valid()) mix(std::hash<std::string>{}(d.message));
  return h;
}
}  // namespace

Diagnostic& Diagnostics::add(Severity severity, std::string_view code, Location where, std::string message) {
  Diagnostic d;
  d.code = code;
  d.severity = severity;
  d.message = std::move(message);
  d.where = where;
  if (!seen_.insert(fingerprint(d)).second) return repeated_ = std::move(d);
  errors_ += severity == Severity::error;
  list_.push_back(std::move(d));
  return list_.back();
}

Diagnostic& Diagnostics::error(std::string_view code, Location where, std::string message) {
  return add(Severity::error, code, where, std::move(message));
}

Diagnostic& Diagnostics::warning(std::string_view code, Location where, std::string message) {
  return add(Severity::warning, code, where, std::move(message));
}

Diagnostic& Diagnostics::note(std::string_view code, Location where, std::string message) {
  return add(Severity::note, code, where, std::move(message));
}

void Diagnostics::explain_since(size_t first, const Note& note) {
  for (size_t i = first; i < list_.size(); ++i)
    if (list_[i].severity == Severity::error && list_[i].notes.empty()) list_[i].notes.push_back(note);
}

}  // namespace netc
