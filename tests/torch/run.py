#!/usr/bin/env python3
"""Runs the judge over the small networks of nets/ and over the reference models at a reduced size.

  run.py NETC [NAME ...]     exit status 77 (skipped) where PyTorch is not installed"""
import glob
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")

# Model: options. Small inputs keep ten steps of every network to seconds; where a model must shrink its input 32 times, the side
# leaves at least 2x2 pixels a channel for bn's statistics.
MODELS = {
    "lenet": ["--batch", "8"],
    "simple_cnn": ["--batch", "8"],
    "alexnet": ["--input", "67x67x3", "--batch", "4"],
    "vgg16": ["--input", "32x32x3", "--batch", "4"],
    "googlenet": ["--input", "64x64x3", "--batch", "8"],
    "inception_v3": ["--input", "107x107x3", "--batch", "4"],
    "resnet18": ["--input", "64x64x3", "--batch", "8"],
    "resnet50": ["--input", "64x64x3", "--batch", "8"],
    "densenet121": ["--input", "64x64x3", "--batch", "8"],
    "mobilenet_v2": ["--input", "64x64x3", "--batch", "8"],
    "efficientnet_b0": ["--input", "64x64x3", "--batch", "8"],
    "unet": ["--input", "32x32x3", "--batch", "2"],
    "convnext_t": ["--input", "64x64x3", "--batch", "2"],
}


# Full of relus and pools that flip (judge.py says how). As they are, they are held to PyTorch's scores and loss, and their gradients are
# only printed; smoothed, every gradient is held too. The deep ones are allowed 1e-3 there (rounding adds up over more than a hundred
# layers of float32), and one step: what is left of it grows tenfold or more in ten steps of training from a random start.
FLIPPING = {"simple_cnn": ["--tolerance", "1e-4"], "vgg16": ["--tolerance", "1e-4"], "resnet18": ["--tolerance", "1e-4"]}
for deep in ("googlenet", "inception_v3", "resnet50", "densenet121", "mobilenet_v2", "efficientnet_b0", "unet"):
    FLIPPING[deep] = ["--tolerance", "1e-3", "--steps", "1"]


def case(netc, name, *more):
    small = os.path.join(HERE, "nets", name + ".net")
    path = small if os.path.exists(small) else os.path.join(ROOT, "examples", name, name + ".net")
    options = [*([] if path == small else MODELS[name]), *more]
    done = subprocess.run([sys.executable, os.path.join(HERE, "judge.py"), netc, path, *options], capture_output=True, text=True,
                          env={**os.environ, "OMP_NUM_THREADS": "1"})
    print(f"{'ok  ' if done.returncode == 0 else 'FAIL'} {done.stdout.strip()} {done.stderr.strip()[-1500:]}", flush=True)
    return done.returncode == 0


def main():
    try:
        import torch  # noqa: F401
    except ImportError:
        print("skipped: PyTorch is not installed (scripts/deps --test)")
        return 77
    netc, wanted = os.path.abspath(sys.argv[1]), sys.argv[2:]
    names = wanted or sorted(os.path.basename(p)[:-4] for p in glob.glob(HERE + "/nets/*.net")) + list(MODELS)
    with ThreadPoolExecutor(2) as pool:
        cases = [(name, "--steps", "1", "--flips", "1") if name in FLIPPING else (name,) for name in names]
        cases += [(name, "--smooth", *FLIPPING[name]) for name in names if name in FLIPPING]
        results = list(pool.map(lambda c: case(netc, *c), cases))
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
