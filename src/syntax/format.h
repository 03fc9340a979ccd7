// Tree to text: a file in its canonical form.
#pragma once

#include <string>

#include "syntax/ast.h"

namespace netc {

/// One statement a line, two spaces a block, no more parentheses than needed. parse() of it gives the same tree but for locations.
/// Comments are not in the tree, so they are lost; a statement with a syntax error becomes a comment that says so.
std::string format(const ast::File& file);
std::string format(const ast::Expr& expr);

}  // namespace netc
