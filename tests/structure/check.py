#!/usr/bin/env python3
"""Holds docs/architecture.md's arrows (who may include whom) and the limits on files, functions and macros.

  check.py SOURCE_DIR"""
import os
import re
import sys

ROOT = sys.argv[1]
# Folder of src: folders whose headers it may include, itself apart. An arrow allows what its target may include.
ARROWS = {
    "support": [], "diag": ["support"], "ir": ["diag", "support"], "ops": ["ir", "diag", "support"], "syntax": ["diag", "support"],
    "plan": ["ir", "diag", "support"], "passes": ["ops", "plan", "syntax", "ir", "diag", "support"],
    "fit": ["passes", "plan", "ops", "ir", "diag", "support"],
    "estimate": ["plan", "ops", "ir", "diag", "support"], "backend": ["plan", "ops", "ir", "diag", "support"],
    "driver": ["syntax", "passes", "fit", "estimate", "backend", "plan", "ops", "ir", "diag", "support"],
}
RUNTIME_HEADERS = ("kernels.h", "device.h", "train/program.h", "cuda/workspace.h", "random.h")
LONGEST_FILE, LONGEST_FUNCTION = 400, 60
# Exceptions, each with its reason.
LONG_FUNCTIONS = {
    "src/backend/interpret_kernels.cpp": "the table of kernels, one line each",
    "src/ops/table.cpp": "the table of ops",
    "src/diag/codes.cpp": "the table of codes",
    "src/estimate/gpus.cpp": "the table of cards",
}
LONG_FILES = {
    "runtime/kernels.h": "every kernel's signature in one place",
    "src/diag/codes.cpp": "every code's explanation in one place",
}
MACROS = {"src/support/check.h": "NETC_CHECK", "runtime/random.h": "NETRT_HD"}
wrong = []


def files(*tops):
    for top in tops:
        for folder, _, names in os.walk(os.path.join(ROOT, top)):
            for name in sorted(names):
                if name.endswith((".h", ".cpp", ".cu")): yield os.path.relpath(os.path.join(folder, name), ROOT)


def check_includes(path, text):
    folder = path.split("/")[1] if path.count("/") > 1 else None
    for name in re.findall(r'^#include "([^"]+)"', text, re.M):
        top = name.split("/")[0]
        if path.startswith("runtime/"):
            if top in ARROWS: wrong.append(f"{path} includes {name}: the runtime must not know src")
        elif name in RUNTIME_HEADERS or name.startswith(("cpu/", "train/")):
            if not path.startswith("src/backend/interpret"): wrong.append(f"{path} includes {name}: only backend/interpret may see the runtime")
        elif folder and top in ARROWS and top != folder and top not in ARROWS[folder]:
            wrong.append(f"{path} includes {name}: no arrow from {folder} to {top}")
    if "antlr4" in text and re.search(r"#include [<\"].*(antlr4|NetParser|NetLexer)", text) and not path.startswith("src/syntax/parse"):
        wrong.append(f"{path} includes ANTLR; only src/syntax/parse* may")


def check_lengths(path, lines):
    if len(lines) > LONGEST_FILE and path not in LONG_FILES: wrong.append(f"{path} has {len(lines)} lines (at most {LONGEST_FILE})")
    start = None
    for i, line in enumerate(lines):
        # A function's body opens at the end of a line that is not indented past a class member and closes at the same depth.
        if start is None and re.match(r"^(  )?[A-Za-z_~].*\)( const| override| noexcept)* \{$", line) and not re.match(r"^\s*(if|for|while|switch|namespace|else)\b", line):
            start, depth = i, len(line) - len(line.lstrip())
        elif start is not None and re.match(r"^ {%d}\}" % depth, line):
            if i - start + 1 > LONGEST_FUNCTION and path not in LONG_FUNCTIONS:
                wrong.append(f"{path}:{start + 1}: a function of {i - start + 1} lines (at most {LONGEST_FUNCTION})")
            start = None


def main():
    count = 0
    for path in files("src", "runtime"):
        text = open(os.path.join(ROOT, path)).read()
        lines = text.splitlines()
        check_includes(path, text)
        check_lengths(path, lines)
        for i, line in enumerate(lines):
            macro = re.match(r"#define (\w+)", line)
            if macro and MACROS.get(path) != macro.group(1): wrong.append(f"{path}:{i + 1}: macro {macro.group(1)}")
            # A long string stays in one piece, so that it can be searched for.
            if len(line) > 160 and not re.search(r'"[^"]{30,}"', line): wrong.append(f"{path}:{i + 1}: {len(line)} columns (at most 160)")
        count += 1
    print("\n".join(wrong))
    print(f"{count} files, {len(wrong)} complaints")
    return 1 if wrong or count < 50 else 0


sys.exit(main())
