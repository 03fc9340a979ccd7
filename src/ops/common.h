// What several rows share: checks with their messages, and makers of argument specifications.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ir/op.h"

namespace netc::ops {

// ---- Arguments ------------------------------------------------------------------------------------

/// A required argument that stands by itself: `conv 32`, `3x3`.
ArgSpec positional(std::string_view name, ArgKind kind, std::string_view help);
/// The same, but it may be left out.
ArgSpec optional_positional(std::string_view name, ArgKind kind, std::string_view default_text, std::string_view help);
/// A word without a value: `same`.
ArgSpec flag(std::string_view name, std::string_view help);
/// A word followed by one number: `eps 1e-3`.
ArgSpec word(std::string_view name, ArgKind kind, std::string_view default_text, std::string_view help);
/// `bias` and `nobias`.
ArgSpec bias_flag();
ArgSpec nobias_flag();
/// `tie LABEL`: the weight is the labelled layer's.
ArgSpec tie_label();

// ---- Shapes ---------------------------------------------------------------------------------------

/// The last size of a shape.
int64_t channels(const Shape& shape);
/// Elements of one channel: the product of the other sizes.
int64_t rows(const Shape& shape);
/// Infer of an op that leaves the shape as it is and takes any rank.
std::optional<Shape> same_shape(const InferContext& context);
/// Counts nothing: for ops that only move data.
Size no_flops(const LayerInfo& info);

// ---- Checks: each reports what is wrong and returns whether all is well ----------------------------

/// An error at the argument `name` where it was written, else at the layer.
Diagnostic& error_at(const InferContext& context, std::string_view code, std::string_view name, std::string message);
/// N0310 unless `ok`: "`drop` wants p at least 0 and below 1, not 1.5".
bool check_number(const InferContext& context, std::string_view name, double value, bool ok, std::string_view wanted);
/// N0310 unless every number of `name` is at least `least`; N0309 where one does not fit in 32 bits. Only the first is reported.
bool check_integers(const InferContext& context, std::string_view name, int64_t least);
/// N0310 where both words are given.
bool check_exclusive(const InferContext& context, std::string_view first, std::string_view second);
/// N0307 unless the input is H x W x C.
bool check_image(const InferContext& context);
/// N0307 unless the input is T x C.
bool check_sequence(const InferContext& context);
/// N0309 where `size`, described by `what`, does not fit in the 32 bits that the kernels give it.
bool check_int32(const InferContext& context, std::string_view what, Size size);
/// N0309 unless the elements of `shape` (`what`: "its output") can be counted and each size fits in 32 bits.
bool check_shape(const InferContext& context, std::string_view what, const Shape& shape);
/// N0309 unless `rows` and `channels` of the input fit in 32 bits.
bool check_rows(const InferContext& context);
/// N0304: `c` input channels do not split into `groups`.
void report_groups(const InferContext& context, int64_t c, int64_t groups);
/// Adds the note that says where input `index` comes from, if that is known.
void note_origin(const InferContext& context, Diagnostic& diagnostic, size_t index = 0);

/// "0.5", "1e-05".
std::string number_text(double value);
/// "`conv`".
std::string quoted(std::string_view word);

}  // namespace netc::ops
