#!/usr/bin/env python3
"""Every example has a README, and its expected.json and the README's table say what netc says today.

  check.py NETC SOURCE [--update]     --update writes both anew"""
import json
import os
import re
import subprocess
import sys

NETC, SOURCE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
UPDATE = "--update" in sys.argv


def estimate(net, target):
    done = subprocess.run([NETC, net, "--estimate", "--json", "--target", target], capture_output=True, text=True)
    if done.returncode != 0: sys.exit(f"{net}: netc fails\n{done.stderr}")
    return json.loads(done.stdout)


def facts(report):
    statistics = sum(product(b["shape"]) for b in report["buffers"] if re.search(r"\.running_(mean|var)$", b["name"]))
    return {"parameters": report["totals"]["parameters"], "macs": report["totals"]["macs"], "bn_statistics": statistics,
            "batch": report["batch"], "arena_cuda": report["totals"]["arena"]}


def product(sizes):
    out = 1
    for size in sizes: out *= size
    return out


def table(net, report, known):
    """The rows of the README; the one of the CPU's arena is only renewed by --update: it depends on the machine's oneDNN."""
    text, micro, sample = open(net).read(), report["micro_steps"], "a sequence" if re.search(r"^input .*\btokens\b", open(net).read(), re.M) else "an image"
    batch = str(known["batch"])
    if any("assumed: batch" in note for note in report["notes"]): batch += " (assumed; the file has no `train`)"
    elif micro > 1: batch += f", in {micro} micro-steps"
    rows = [("parameters", f"{known['parameters']:,}"), (f"multiply-accumulates {sample}", f"{known['macs']:,}"),
            ("running statistics of bn, values", f"{known['bn_statistics']:,}"), ("batch", batch),
            ("arena of a training step, cuda", f"{known['arena_cuda']:,} bytes = {known['arena_cuda'] / 2**20:,.2f} MiB")]
    if UPDATE: rows.append(("the same with `--target cpu`", f"{estimate(net, 'cpu')['totals']['arena'] / 2**20:,.2f} MiB; depends on the machine's oneDNN"))
    return "\n".join(f"| {name} | {value} |" for name, value in rows)


def check(name):
    folder = os.path.join(SOURCE, "examples", name)
    net, expected, readme = (os.path.join(folder, file) for file in (name + ".net", "expected.json", "README.md"))
    report = estimate(net, "cuda")
    known = facts(report)
    rows = table(net, report, known)
    if UPDATE:
        json.dump(known, open(expected, "w"), indent=2)
        open(expected, "a").write("\n")
        text = open(readme).read()
        text = re.sub(r"(\| what netc says \| \|\n\|---\|---\|\n)(\|.*\n)*", lambda m: m[1] + rows + "\n", text)
        open(readme, "w").write(text)
    wrong = []
    noted = json.load(open(expected)) if os.path.exists(expected) else None
    if noted != known: wrong.append(f"expected.json has {noted}, netc says {known}")
    text = open(readme).read()
    wrong += [f"README.md lacks `{row}`" for row in rows.split("\n") if row not in text]
    for complaint in wrong: print(f"examples/{name}: {complaint}")
    return not wrong


results = [check(name) for name in sorted(os.listdir(os.path.join(SOURCE, "examples")))]
print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
if not all(results): sys.exit("tests/examples/check.py NETC SOURCE --update writes the figures anew; look at the difference")
