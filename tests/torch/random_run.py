#!/usr/bin/env python3
"""PyTorch judges random networks (random_nets.py), as it does those of run.py; netc checks each plan and what it allocated.

  random_run.py NETC [--count 300] [--first 1] [--jobs 2]     exit status 77 (skipped) where PyTorch is not installed

Each seed is a network. One that fails is shrunk to a small `.net`, which is printed with what differs; the same seed gives it again:
`random_run.py NETC --first SEED --count 1`. At the end: how many were judged, and in how many networks every layer occurred."""
import argparse
import collections
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile

from random_nets import generate, shrink

# A random network may be as deep and as ill-conditioned as it likes (a conv behind a norm of almost constant values), and what rounding makes of
# it differs from machine to machine: gradients are held to 5e-4, ten losses to 1e-3, what they moved to 2e-2.
# Where a network passes a limit, it is held to PyTorch's own float32 error. That is one sample of what rounding does, and netc's is another: over
# 300 networks of an earlier draft they were up to 9 times apart (in gradients that are next to 0 in exact arithmetic).
OPTIONS = ["--own", "12", "--gradients", "5e-4", "--losses", "1e-3", "--updates", "2e-2", "--states", "1e-3", "--evaluation", "2e-3"]


def judged(netc, text):
    """What is wrong with the network; empty if nothing is."""
    from judge import judge
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "random.net")
        with open(path, "w") as out: out.write(text)
        try:
            _, wrong = judge(netc, path, OPTIONS)
        except Exception as problem:  # netc failed, the emitted file does not run, or a shape differs: all of it is what is looked for
            wrong = [f"{type(problem).__name__}: {problem}"]
    return wrong


def is_valid(netc, text):
    """Whether netc takes the file; shrinking may make one that is none."""
    with tempfile.NamedTemporaryFile("w", suffix=".net") as out:
        out.write(text)
        out.flush()
        return subprocess.run([netc, out.name, "--estimate", "--json"], capture_output=True).returncode == 0


def one(task):
    netc, seed = task
    text = generate(seed).text()
    return seed, text, judged(netc, text)


def layers_of(text):
    return set(re.findall(r"(?:^|[:{;])\s*([a-z][a-z0-9]*)", text, re.M))


def report_failure(netc, seed, wrong):
    print(f"FAIL seed {seed}: {'; '.join(wrong)[-1500:]}")
    kind = wrong[0].split(" ")[0]  # shrink to something that fails in the same way
    small = shrink(generate(seed), lambda text: is_valid(netc, text) and any(each.split(" ")[0] == kind for each in judged(netc, text)))
    print(f"shrunk to:\n{small.text()}", flush=True)


def start_worker():
    import torch
    torch.set_num_threads(1)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("netc"); ap.add_argument("--count", type=int, default=300); ap.add_argument("--first", type=int, default=1)
    ap.add_argument("--jobs", type=int, default=2); ap.add_argument("--list", action="store_true", help="print every network's seed as it passes")
    a = ap.parse_args()
    try:
        import torch  # noqa: F401
    except ImportError:
        print("skipped: PyTorch is not installed (scripts/deps --test)")
        return 77
    netc = os.path.abspath(a.netc)
    seen, failed = collections.Counter(), []
    with multiprocessing.get_context("spawn").Pool(a.jobs, start_worker) as pool:
        for seed, text, wrong in pool.imap(one, [(netc, seed) for seed in range(a.first, a.first + a.count)]):
            seen.update(layers_of(text))
            if wrong: failed.append((seed, wrong))
            elif a.list: print(f"ok   seed {seed}", flush=True)
    for seed, wrong in failed[:5]: report_failure(netc, seed, wrong)
    ops = re.findall(r"^## (?!loss )(\w+)", open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/ops.md")).read(), re.M)
    print("networks with each layer: " + ", ".join(f"{op} {seen[op]}" for op in ops))
    missing = [op for op in ops if seen[op] < 2] if a.count >= 300 else []
    if missing: print(f"FAIL hardly or never drawn: {', '.join(missing)}")
    print(f"{a.count - len(failed)} passed, {len(failed)} failed")
    return 1 if failed or missing else 0


if __name__ == "__main__":
    sys.exit(main())
