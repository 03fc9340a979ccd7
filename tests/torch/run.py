#!/usr/bin/env python3
"""Runs the judge (judge.py) over the small networks of nets/ and every example at a reduced size, and the definitions (definitions.py).

  run.py NETC [NAME ...]     exit status 77 (skipped) where PyTorch is not installed

Two processes, each with PyTorch on one thread. A net's own options stand in it, in a line `# judge: --batch 4`; those of examples are
tests/reduced.py's sizes and the table below."""
import collections
import glob
import multiprocessing
import os
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
sys.path.insert(0, os.path.join(HERE, ".."))
from reduced import INPUTS, LETS  # noqa: E402

# Deep networks with bn are rough from a random start: a step of any size leaves the region where float32 and double stay together.
# They are narrowed, so that a larger batch gives bn more values a channel, and learn slowly enough that ten steps stay in it.
DEFAULT = "--batch 8"
MODELS = {
    "airbench94": "--batch 16 --narrow 4",
    "alexnet": "--batch 4 --narrow 4",
    "bert_base": "--batch 4 --rate 0.1",
    "char_lstm": "--batch 8 --set T=16 --set N=32",
    "convnext_t": "--batch 2 --narrow 4",
    "densenet121": "--batch 16 --set g=8 --rate 1e-4",
    "efficientnet_b0": "--batch 16 --narrow 2 --rate 1e-4",
    "googlenet": "--batch 16 --narrow 4 --rate 1e-5",
    "gpt2": "--batch 4 --rate 0.05",
    "inception_v3": "--batch 16 --narrow 8 --wide 32 --rate 1e-7",
    "llama_125m": "--batch 4 --rate 0.1",
    "mobilenet_v2": "--batch 16 --narrow 4 --rate 1e-4",
    "resnet18": "--batch 16 --narrow 8 --wide 40 --rate 1e-3",
    "resnet34": "--batch 16 --narrow 8 --wide 40 --rate 1e-4",
    "resnet50": "--batch 16 --narrow 8 --wide 40 --rate 1e-5",
    "resnet152": "--batch 16 --narrow 8 --wide 40 --rate 1e-9",
    "resnext50": "--batch 16 --narrow 2 --wide 40 --rate 1e-6",
    "shufflenet_v2": "--batch 16 --narrow 2 --wide 40 --rate 1e-4",
    "simple_cnn": "--batch 4",
    "squeezenet1_1": "--batch 4",
    "unet": "--input 32x32x3 --batch 4 --narrow 8",
    "vgg16": "--batch 4 --narrow 8",
    "vgg19": "--batch 4 --narrow 8",
    "vit_b16": "--batch 4",
    "wideresnet28_10": "--batch 8 --rate 1e-3",
}


def example_options(name):
    options = MODELS.get(name, DEFAULT).split()
    lets = [word for constant, value in LETS.get(name, {}).items() for word in ("--set", f"{constant}={value}")]
    text = open(os.path.join(ROOT, "examples", name, name + ".net")).read()
    image = [] if "--input" in options or " tokens " in text.split("\ndef")[0] else ["--input", INPUTS.get(name, "64x64x3")]
    # A small rate moves some weights hardly beyond what float32 resolves of them.
    return ["--updates", "1e-2", *options, *image, *lets]


def run_case(task):
    netc, name = task
    from definitions import DEFINITIONS
    from judge import judge
    start = time.process_time()
    try:
        if name in DEFINITIONS:
            figures, wrong = DEFINITIONS[name](netc)
        else:
            small = os.path.join(HERE, "nets", name + ".net")
            is_small = os.path.exists(small)
            path = small if is_small else os.path.join(ROOT, "examples", name, name + ".net")
            figures, wrong = judge(netc, path, [] if is_small else example_options(name))
    except Exception as problem:  # whatever it is, the other networks are judged too
        figures, wrong = {}, [f"{type(problem).__name__}: {str(problem)[-1500:]}"]
    return name, figures, wrong, time.process_time() - start


def start_worker():
    import torch
    torch.set_num_threads(1)


def main():
    try:
        import torch  # noqa: F401
    except ImportError:
        print("skipped: PyTorch is not installed (scripts/deps --test)")
        return 77
    netc, wanted = os.path.abspath(sys.argv[1]), sys.argv[2:]
    examples = sorted(os.path.basename(os.path.dirname(p)) for p in glob.glob(ROOT + "/examples/*/*.net"))
    from definitions import DEFINITIONS
    names = wanted or examples + list(DEFINITIONS) + sorted(os.path.basename(p)[:-4] for p in glob.glob(HERE + "/nets/*.net"))
    failed, networks = 0, collections.Counter()
    with multiprocessing.get_context("spawn").Pool(2, start_worker) as pool:
        for name, figures, wrong, seconds in pool.imap_unordered(run_case, [(netc, name) for name in names]):
            failed += bool(wrong)
            networks.update(set(figures.pop("ops", [])))
            print("FAIL" if wrong else "ok  ", f"{name:16}", f"{seconds:5.1f}s", *[f"{key} {value}" for key, value in figures.items()], *wrong, flush=True)
    every = re.findall(r"(?m)^## (.+)$", open(os.path.join(ROOT, "docs/ops.md")).read())
    rare = [op for op in every if networks[op] < 2]
    if rare and not wanted:
        failed += 1
        print(f"FAIL fewer than two networks have {', '.join(rare)}")
    print(f"{len(names) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
