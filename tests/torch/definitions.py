"""First values, decay scopes and label smoothing of netc against PyTorch's own definitions, without an emitted network between them."""
import math
import os
import re
import tempfile

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from judge import import_file, read_trace, run


def steps_of(netc, text, folder, *more):
    """Trains `text` (one step unless `more` says otherwise) with a trace; netc's output."""
    with open(folder + "/net.net", "w") as out: out.write(text)
    return run(netc, folder + "/net.net", "--train", "--trace", folder + "/trace", "--steps", "1", "--log-steps", *more)


# ---- First values ------------------------------------------------------------------------------------

IMAGE = """input 8x8x48
{init}
conv 64 3x3 pad; relu
depthwise 7x7 pad; tanh
conv 128 3x3 pad groups 4; bn; scale init 0.5
up 48 5x5 pad; norm
avgpool 4x4/4
fc 100; fc 10
loss softmax
train {{ sgd 0.01; batch 2 }}
"""
TOKENS = """input 8 tokens 500
{init}
embed 500 48; attn 4; lstm 64; gru 48 nobias; fc 500
loss softmax
train {{ sgd 0.01; batch 2 }}
"""


def image_modules():
    return {"conv1": nn.Conv2d(48, 64, 3), "depthwise1": nn.Conv2d(64, 64, 7, groups=64), "conv2": nn.Conv2d(64, 128, 3, groups=4, bias=False),
            "up1": nn.ConvTranspose2d(128, 48, 5), "fc1": nn.Linear(192, 100), "fc2": nn.Linear(100, 10)}


def default_values(modules):
    """What PyTorch's modules start with, by netc's names."""
    values = {}
    for name, module in modules.items():
        values[name + ".w"] = module.weight
        if module.bias is not None: values[name + ".b"] = module.bias
    return values


def token_values():
    attention, lstm, gru = nn.MultiheadAttention(48, 4), nn.LSTM(48, 64), nn.GRU(64, 48, bias=False)
    values = {"embed1.w": nn.Embedding(500, 48).weight, "attn1.qkv.w": attention.in_proj_weight, "attn1.qkv.b": attention.in_proj_bias,
              "attn1.out.w": attention.out_proj.weight, "attn1.out.b": attention.out_proj.bias, **default_values({"fc1": nn.Linear(48, 500)})}
    for name, module, kinds in (("lstm1", lstm, ("w_ih", "w_hh", "b_ih", "b_hh")), ("gru1", gru, ("w_ih", "w_hh"))):
        for kind in kinds:
            values[f"{name}.l0.{kind}"] = getattr(module, kind.replace("w_", "weight_").replace("b_", "bias_") + "_l0")
    return values


def initialised(draw):
    """PyTorch's modules after a function of torch.nn.init on the weights, biases zero."""
    def values():
        made = default_values(image_modules())
        for name, tensor in made.items():
            if name.endswith(".w"): draw(tensor)
            else: nn.init.zeros_(tensor)
        return made
    return values


STATEMENTS = {
    "": (IMAGE, lambda: default_values(image_modules())),
    "init he": (IMAGE, initialised(lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu"))),
    "init xavier": (IMAGE, initialised(nn.init.xavier_uniform_)),
    "init normal 0.07": (IMAGE, initialised(lambda w: nn.init.normal_(w, std=0.07))),
    " ": (TOKENS, token_values),
}
CONSTANTS = {"bn1.gamma": 1, "bn1.beta": 0, "bn1.running_mean": 0, "bn1.running_var": 1, "norm1.gamma": 1, "norm1.beta": 0, "scale1.gain": 0.5}


def distribution_distance(a, b):
    """The Kolmogorov-Smirnov statistic of two samples, as a share of what one in a thousand equal distributions exceeds."""
    a, b = np.sort(a.reshape(-1)), np.sort(b.reshape(-1))
    both = np.concatenate([a, b])
    distance = np.abs(np.searchsorted(a, both, "right") / a.size - np.searchsorted(b, both, "right") / b.size).max()
    return distance / (1.95 * math.sqrt((a.size + b.size) / (a.size * b.size)))


def initial_values(netc):
    torch.manual_seed(5)
    worst, where, wrong, count = 0.0, "", [], 0
    for statement, (text, reference) in STATEMENTS.items():
        with tempfile.TemporaryDirectory() as folder, torch.no_grad():
            steps_of(netc, text.format(init=statement), folder)
            run(netc, folder + "/net.net", "--emit-pytorch", "-o", folder + "/net.py")
            module = import_file(folder + "/net.py")
            emitted = [dict(module.netc_arrays(module.Net())) for _ in range(8)]
            drawn = [reference() for _ in range(8)]
            for name in drawn[0]:
                wanted = np.concatenate([each[name].numpy().reshape(-1) for each in drawn])
                torchs = np.concatenate([each[name].reshape(-1) for each in emitted])
                for who, values in (("netc", read_trace(folder, "init/" + name)), ("the emitted file", torchs)):
                    off = distribution_distance(values, wanted)
                    bound = np.abs(values).max() / max(np.abs(wanted).max(), 1e-30) if "normal" not in statement and "he" not in statement else 1
                    count += 1
                    if off > worst: worst, where = off, f"{statement} {name}"
                    if off > 1 or (bound > 1 + 10 / wanted.size and name != "embed1.w"): wrong.append(f"`{statement}` {name} of {who}: distance {off:.2g}, bound {bound:.3g}")
            for name, value in CONSTANTS.items():
                if text is IMAGE and not (read_trace(folder, "init/" + name) == value).all(): wrong.append(f"{name} does not start at {value}")
    return {"tensors": count, "worst": round(float(worst), 2), "at": where.strip()}, wrong


# ---- Decay scopes ------------------------------------------------------------------------------------

SCOPED = {
    IMAGE: {"conv1.w", "depthwise1.w", "conv2.w", "up1.w", "fc1.w", "fc2.w"},
    TOKENS: {"embed1.w", "attn1.qkv.w", "attn1.out.w", "lstm1.l0.w_ih", "lstm1.l0.w_hh", "gru1.l0.w_ih", "gru1.l0.w_hh", "fc1.w"},
}


def decay_scopes(netc):
    """One step of gradient descent: w - rate (gradient + decay w) for what decays, w - rate gradient for what does not."""
    rate, decay, wrong, seen = 0.01, 3.0, [], 0
    for text, weights in SCOPED.items():
        for scope in ("weights", "matrices", "all"):
            with tempfile.TemporaryDirectory() as folder:
                train = f"train {{ sgd {rate} decay {decay} on {scope}; batch 2 }}"
                steps_of(netc, re.sub(r"train .*", train, text.replace("{init}", "")), folder, "--save", folder + "/after.safetensors")
                run(netc, folder + "/net.net", "--emit-pytorch", "-o", folder + "/net.py")
                module = import_file(folder + "/net.py")
                net = module.Net()
                grouped = {id(p) for group in module.make_optimizer(net).param_groups if group["weight_decay"] == decay for p in group["params"]}
                after = module.read_safetensors(folder + "/after.safetensors")
                for name, tensor, *_ in module.tensors(net):
                    if not isinstance(tensor, nn.Parameter): continue
                    # PyTorch's own way to say it: weights are what is neither a bias nor a normalisation's.
                    wanted = scope == "all" or (name in weights if scope == "weights" else tensor.dim() >= 2)
                    if (id(tensor) in grouped) != wanted: wrong.append(f"decay on {scope}: the emitted file's groups have {name} wrong")
                    before, gradient = read_trace(folder, "init/" + name), read_trace(folder, f"grad/{name}.grad")
                    if np.abs(before).max() == 0: continue  # nothing to see: it decays to what it is
                    extra = (before - after[name]) / rate - gradient
                    off = np.abs(extra - (decay * before if wanted else 0)).max() / (decay * np.abs(before).max())
                    seen += 1
                    if not off < 1e-3: wrong.append(f"decay on {scope}: {name} is off by {off:.2g} of its decay")
    return {"parameters": seen}, wrong


# ---- Label smoothing ---------------------------------------------------------------------------------

def label_smoothing(netc):
    worst, wrong = 0.0, []
    for smooth in (0.0, 0.1, 0.5, 0.99):
        for shape in ("fc 10", "conv 6 3x3 pad; conv 4 1x1"):  # a class for each sample, one for each pixel
            text = f"input 6x6x3\n{shape}\nloss softmax smooth {smooth}\ntrain {{ sgd 0.1; batch 5 }}\n"
            with tempfile.TemporaryDirectory() as folder:
                loss = float(re.search(r"^step 1 loss (\S+)", steps_of(netc, text, folder), re.M).group(1))
                scores = torch.from_numpy(read_trace(folder, "step1/scores")).double().flatten(0, -2).requires_grad_()
                target = torch.from_numpy(read_trace(folder, "step1/label")).long().reshape(-1)
                wanted = F.cross_entropy(scores, target, label_smoothing=smooth)
                wanted.backward()
                bias = read_trace(folder, f"grad/{'fc1' if shape.startswith('fc') else 'conv2'}.b.grad")
                off = max(abs(loss - wanted.item()) / wanted.item(), np.abs(scores.grad.sum(0).numpy() - bias).max() / np.abs(bias).max())
                worst = max(worst, off)
                if not off < 1e-5: wrong.append(f"smooth {smooth} on `{shape}`: off by {off:.2g}")
    return {"worst": float(f"{worst:.2g}")}, wrong


DEFINITIONS = {"definition:initial_values": initial_values, "definition:decay_scopes": decay_scopes, "definition:label_smoothing": label_smoothing}
