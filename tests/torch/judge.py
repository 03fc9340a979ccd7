#!/usr/bin/env python3
"""PyTorch as the judge of netc's CPU runtime: the same initial weights, batches and dropout masks, in double precision.

  judge.py NETC FILE.net [--input HxWxC] [--batch N] [--steps 10] [--smooth] [--tolerance 1e-4]

Compares the scores, the loss and every parameter's gradient of the first step (relative to the largest magnitude of the tensor), and
the losses and parameters over the steps (relative 1e-3). Exit status 1 when something differs by more.

A relu that sees 1e-8 in one precision and -1e-8 in another passes a gradient or does not, and so does a max-pool's tie: in float32 a
deep network's gradient is only known up to a few such flips. So PyTorch runs the first step in float32 too, and gradients may be as far
from double precision's as twice what PyTorch's own float32 is, or as --flips says. --smooth replaces relu by silu and max-pooling by average pooling:
nothing flips, and the plain tolerance holds for the same wiring."""
import argparse
import json
import os
import re
import struct
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torch.nn.functional as F

from replay import Replay

def reduced(path, a, folder):
    """The network with another input size, on generated data, at another batch."""
    text = open(path).read()
    if a.input: text = re.sub(r"input \d+x\d+x(\d+)", lambda m: f"input {a.input}", text)
    text = re.sub(r'(input [^\n;]*?) from \w+( "[^"]*")?( \{[^}]*\})?', r"\1", text)
    if a.batch:
        text = re.sub(r"(?m)^train \{.*\}$", "", text) + f"\ntrain {{ sgd 0.005 momentum 0.9; batch {a.batch} }}\n"
    if a.smooth:
        text = re.sub(r"\brelu6?\b", "silu", re.sub(r"(?<!avg)\bpool\b", "avgpool", text))
    copy = os.path.join(folder, os.path.basename(path))
    open(copy, "w").write(text)
    return copy


def to_torch(name, op, array):
    """netc's layout to PyTorch's."""
    if array.ndim == 4: array = array.transpose(0, 3, 1, 2)
    return torch.from_numpy(np.array(array, order="C")).double()


def nchw(array):
    x = torch.from_numpy(array).double()
    return x.permute(0, 3, 1, 2).contiguous() if x.dim() == 4 else x


def difference(a, b):
    """Largest difference, relative to the largest magnitude of b (or 0.01: a bias that has hardly left 0 has no scale of its own)."""
    return (a - b).abs().max().item() / max(b.abs().max().item(), 1e-2)


def loss_of(report, scores, label):
    kind, smooth = report["loss"]["kind"], report["loss"]["smooth"]
    if kind == "softmax":
        flat = scores.permute(0, 2, 3, 1).reshape(-1, scores.shape[1]) if scores.dim() == 4 else scores
        return F.cross_entropy(flat, label.reshape(-1).long(), label_smoothing=smooth)
    target = label.reshape(scores.permute(0, 2, 3, 1).shape).permute(0, 3, 1, 2) if scores.dim() == 4 else label.reshape(scores.shape)
    return F.binary_cross_entropy_with_logits(scores, target) if kind == "bce" else F.mse_loss(scores, target)


def optimizer_of(t, parameters, roles):
    decays = {name: t["decay"] > 0 and (t["decay_scope"] == "all" or (t["decay_scope"] == "weights" and roles[name] == "weight")
                                        or (t["decay_scope"] == "matrices" and p.dim() >= 2)) for name, p in parameters.items()}
    groups = [dict(params=[p for name, p in parameters.items() if decays[name]], weight_decay=t["decay"]),
              dict(params=[p for name, p in parameters.items() if not decays[name]], weight_decay=0.0)]
    groups = [g for g in groups if g["params"]]
    rate, kind = t["learning_rate"], t["optimizer"]
    if kind == "sgd": return torch.optim.SGD(groups, rate, momentum=t["momentum"], nesterov=t["nesterov"])
    if kind == "rmsprop": return torch.optim.RMSprop(groups, rate, alpha=t["rms_keep"], eps=t["eps"], momentum=t["momentum"])
    make = torch.optim.AdamW if kind == "adamw" else torch.optim.Adam
    return make(groups, rate, betas=(t["beta1"], t["beta2"]), eps=t["eps"])


def read_safetensors(path):
    raw = open(path, "rb").read()
    size = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + size])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__": continue
        begin, end = entry["data_offsets"]
        if entry["dtype"] == "F32":
            tensors[name] = np.frombuffer(raw[8 + size + begin:8 + size + end], "<f4").reshape(entry["shape"])
    return tensors


def run(netc, args):
    done = subprocess.run([netc, *args], capture_output=True, text=True)
    if done.returncode != 0: sys.exit(f"{' '.join([netc, *args])}\n{done.stdout}{done.stderr}")
    return done.stdout


def judge(a):
    with tempfile.TemporaryDirectory() as folder:
        net = reduced(a.net, a, folder)
        report = json.loads(run(a.netc, [net, "--estimate", "--json", "--target", "cpu"]))
        micro = report["training"]["micro_steps"]
        out = run(a.netc, [net, "--train", "--trace", folder + "/trace", "--steps", str(a.steps), "--log-steps", "--quiet", "--save", folder + "/after.safetensors"])
        losses = [float(m) for m in re.findall(r"^step \d+ loss (\S+)", out, re.M)]
        trace = lambda name: np.load(f"{folder}/trace/{name}.npy")
        ops = {tensor: layer["op"] for layer in report["layers"] for tensor in layer["tensors"]}
        roles = {tensor: role for layer in report["layers"] for tensor, role in layer["tensors"].items()}
        parameters = {name: to_torch(name, ops[name], trace("init/" + name)).requires_grad_() for name, role in roles.items() if role != "state"}
        states = {name: to_torch(name, ops[name], trace("init/" + name)) for name, role in roles.items() if role == "state"}
        network = Replay(report, parameters, states, report["seed"])
        own_error = 0.0 if a.smooth or a.flips >= 1 else float32_error(report, parameters, states, trace)
        optimizer = optimizer_of(report["training"], parameters, roles)
        worst = {"scores": 0.0, "loss": 0.0, "gradients": 0.0, "losses": 0.0, "weights": 0.0}
        if len(losses) != a.steps: sys.exit(f"expected {a.steps} losses, got {len(losses)}:\n{out}")
        for step in range(1, a.steps + 1):
            optimizer.zero_grad()
            total = 0.0
            for m in range(micro):
                at = (step - 1) * micro + m + 1
                scores = network.run(nchw(trace(f"step{at}/input")), at)
                label = torch.from_numpy(trace(f"step{at}/label"))
                loss = loss_of(report, scores, label if label.dtype == torch.int32 else label.double()) / micro
                loss.backward()
                total += loss.item()
                if at == 1: worst["scores"] = difference(nchw(trace("step1/scores")), scores.detach())
            worst["losses"] = max(worst["losses"], abs(losses[step - 1] - total) / max(abs(total), 1e-3))
            if step == 1:
                worst["loss"] = abs(losses[0] - total) / abs(total)
                if micro == 1: compare_gradients(folder, parameters, ops, worst)
            if report["training"]["clip"] > 0: torch.nn.utils.clip_grad_norm_(parameters.values(), report["training"]["clip"])
            optimizer.step()
        after = read_safetensors(folder + "/after.safetensors")
        for name, p in parameters.items():
            change = difference(to_torch(name, ops[name], after[name]), p.detach())
            worst["weights"] = max(worst["weights"], change)
        return worst, max(a.tolerance, a.flips, 2 * own_error)


def float32_error(report, parameters, states, trace):
    """How far PyTorch's own float32 gradients of the first step are from its double ones, at worst."""
    gradients = {}
    for dtype in (torch.float64, torch.float32):
        leaves = {name: p.detach().to(dtype).clone().requires_grad_() for name, p in parameters.items()}
        network = Replay(report, leaves, {name: s.to(dtype).clone() for name, s in states.items()}, report["seed"])
        label = torch.from_numpy(trace("step1/label"))
        loss_of(report, network.run(nchw(trace("step1/input")).to(dtype), 1), label if label.dtype == torch.int32 else label.to(dtype)).backward()
        gradients[dtype] = {name: p.grad.double() for name, p in leaves.items()}
    exact = gradients[torch.float64]
    floor = gradient_floor(exact.values())
    return max((gradients[torch.float32][name] - g).abs().max().item() / max(g.abs().max().item(), floor) for name, g in exact.items())


def gradient_floor(gradients):
    """A bias before a norm has a gradient of exactly 0; what rounding leaves there is measured against the largest gradient of all."""
    return 1e-2 * max(g.abs().max().item() for g in gradients)


def compare_gradients(folder, parameters, ops, worst):
    floor = gradient_floor([p.grad for p in parameters.values()])
    for name, p in parameters.items():
        netc = to_torch(name, ops[name], np.load(f"{folder}/trace/grad/{name}.grad.npy"))
        scale = max(p.grad.abs().max().item(), floor)
        off = (netc - p.grad).abs().max().item() / scale
        if off > worst["gradients"]: worst["gradients"], worst["gradients_at"] = off, name


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("netc"); ap.add_argument("net")
    ap.add_argument("--input"); ap.add_argument("--batch", type=int); ap.add_argument("--tolerance", type=float, default=1e-4)
    ap.add_argument("--flips", type=float, default=0.0, help="gradients may be this far off where relu and max-pool flip")
    ap.add_argument("--steps", type=int, default=10); ap.add_argument("--smooth", action="store_true")
    a = ap.parse_args()
    torch.manual_seed(0)
    worst, gradient_limit = judge(a)
    limits = {"scores": a.tolerance, "loss": a.tolerance, "gradients": gradient_limit, "losses": 1e-3, "weights": max(1e-3, gradient_limit)}
    figures = {key: float(f"{value:.2g}") if isinstance(value, float) else value for key, value in worst.items()}
    print(json.dumps({"net": os.path.basename(a.net), "smooth": a.smooth, "gradient_limit": float(f"{gradient_limit:.2g}"), **figures}))
    bad = [key for key, limit in limits.items() if not worst[key] <= limit]
    if bad: sys.exit(f"{a.net}: netc and PyTorch differ in {', '.join(bad)}")


if __name__ == "__main__":
    main()
