#!/usr/bin/env python3
"""Turns runtime/cuda/*.cu into C++ for on_host/cuda_runtime.h: kernel<<<grid, block, ...>>>(arguments) becomes a call of on_host::launch.

usage: to_host.py RUNTIME_DIR OUTPUT_DIR
"""
import pathlib
import sys


def closing(text, start):
    """Index of the bracket that closes the one at start."""
    depth = 0
    for i in range(start, len(text)):
        depth += (text[i] in "([{") - (text[i] in ")]}")
        if depth == 0:
            return i
    raise ValueError("bracket without an end")


def top_level_parts(text):
    """text split at the commas outside brackets."""
    parts, depth, start = [], 0, 0
    for i, char in enumerate(text):
        depth += (char in "([{") - (char in ")]}")
        if char == "," and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    return parts + [text[start:]]


def kernel_start(text, end):
    """Where the kernel's name, with its template arguments, starts that ends before `end`."""
    i = end
    if text[i - 1] == ">":
        depth = 0
        while True:
            i -= 1
            depth += (text[i] == ">") - (text[i] == "<")
            if depth == 0:
                break
    while text[i - 1].isalnum() or text[i - 1] == "_":
        i -= 1
    return i


def to_host(text):
    while "<<<" in text:
        left = text.index("<<<")
        right = text.index(">>>", left)
        start, end = kernel_start(text, left), closing(text, right + 3)
        grid, block = top_level_parts(text[left + 3:right])[:2]
        call = text[start:left] + text[right + 3:end + 1]
        text = f"{text[:start]}on_host::launch({grid}, {block}, [&] {{ {call}; }}){text[end + 1:]}"
    return text


def main():
    runtime, output = map(pathlib.Path, sys.argv[1:3])
    (output / "cuda").mkdir(parents=True, exist_ok=True)
    for source in sorted((runtime / "cuda").iterdir()):
        if source.suffix == ".h":
            (output / "cuda" / source.name).write_text(to_host(source.read_text()))
        elif source.suffix == ".cu" and source.stem != "device":
            (output / "cuda" / f"{source.stem}.cpp").write_text(to_host(source.read_text()))
    for header in runtime.glob("*.h"):
        (output / header.name).write_text(header.read_text())


main()
