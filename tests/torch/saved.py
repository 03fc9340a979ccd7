#!/usr/bin/env python3
"""What autograd keeps, by netc's rules (--like pytorch) and by PyTorch itself: the emitted PyTorch file runs one step on the CPU, and the storages
that its saved tensors lie in are summed. Byte for byte equal, but for what a CPU does otherwise, which is brought into line first:

  relu          written over its input, as torchvision's models have it
  attention     keeps queries, keys, values, output and one number a row and head, as the GPU's memory-efficient kernel does
  mean          keeps no input, as it has not since PyTorch 2
  flatten       a view, as in torchvision's models; netc's order of the values would take a copy
  dropout       keeps four bytes an element on a CPU and one on a GPU: counted, and the difference added

Of networks whose convolutions need no scratch on a CPU at that moment, also the peak of forward and backward pass, from PyTorch's profiler: within
0.1 % of netc's, mostly to the byte but for one number.

  saved.py NETC [NAME ...]     exit status 77 (skipped) where PyTorch is not installed"""
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = os.path.join(HERE, "..", "..", "examples")
# The examples that docs/pytorch_predictions.md has and a few more, with options: long sequences are shortened. Then small networks that
# cover other ops; lstm, gru (cuDNN's reserve is not known) and rope (counted roughly) are not among them.
EXAMPLE_OPTIONS = {"gpt2": ["--set", "T=96", "--set", "L=3"]}
CASES = ("simple_cnn lenet vgg16 resnet50 mobilenet_v2 googlenet densenet121 unet vit_b16 gpt2 efficientnet_b0 shufflenet_v2 convnext_t alexnet "
         "autoencoder activations branches convs corners deconvs groups language mask pools upsampling dropout").split()
PEAKS = "mobilenet_v2 densenet121 shufflenet_v2 unet".split()


def like_a_gpu(torch, F):
    class Attention(torch.autograd.Function):
        @staticmethod
        def forward(ctx, q, k, v):
            y = torch.empty(q.shape[0], q.shape[2], q.shape[1], q.shape[3]).transpose(1, 2)
            y.copy_((q @ k.transpose(2, 3)).softmax(3) @ v)
            ctx.save_for_backward(q, k, v, y, q.new_zeros(q.shape[0], q.shape[1], (q.shape[2] + 31) // 32 * 32))
            return y

        @staticmethod
        def backward(ctx, dy):
            q, k, v = ctx.saved_tensors[:3]
            return torch.zeros_like(q), torch.zeros_like(k), torch.zeros_like(v)

    class Mean(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, dims):
            ctx.sizes = x.shape
            return torch.sum(x, dims, keepdim=True) / (x.numel() // torch.sum(x, dims).numel())

        @staticmethod
        def backward(ctx, dy):
            return dy.expand(ctx.sizes) / (ctx.sizes.numel() // dy.numel()), None

    torch.Tensor.mean = lambda self, dims, keepdim: Mean.apply(self, dims)
    flatten = torch.Tensor.flatten

    def flatten_view(self, first=0, last=-1):
        back = self.permute(0, 3, 1, 2) if self.dim() == 4 and first == 1 else self
        return flatten(back if back.is_contiguous() else self, first, last)
    torch.Tensor.flatten = flatten_view
    F.scaled_dot_product_attention = lambda q, k, v, dropout_p=0.0, is_causal=False: Attention.apply(q, k, v)
    F.relu = torch.relu_


def pytorch_saved(path, batch):
    """Bytes kept when the backward pass begins, and the most there were in a step."""
    import numpy as np
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
    torch.set_num_threads(1)
    like_a_gpu(torch, F)
    spec = importlib.util.spec_from_file_location("twin", path)
    twin = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(twin)
    net = twin.Net()
    net.train()
    masks = 0
    for module in net.modules():
        if not isinstance(module, nn.Dropout) or module.p == 0: continue

        def count(module, inputs, output):
            nonlocal masks
            masks += output.numel() * 3 if inputs[0].requires_grad else 0
        module.register_forward_hook(count)
    x, target = first_batch(twin, batch, np)
    own = {t.storage().data_ptr() for t in (*net.parameters(), *net.buffers(), x, target)}
    seen = {}

    def pack(tensor):
        if tensor.storage().data_ptr() not in own: seen[tensor.storage().data_ptr()] = tensor.storage().nbytes(), tensor.storage()
        return tensor
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = twin.loss(net(x), target)
    total = sum(size for size, _ in seen.values()) - masks
    loss.backward()  # fails where something that was kept was written over
    del loss
    seen.clear()
    return total, peak(torch, net, lambda: twin.loss(net(x), target).backward())


def peak(torch, net, step):
    """The most bytes that a step has taken at one moment, beyond what there was: parameters, statistics, the batch."""
    for parameter in net.parameters(): parameter.grad = None
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile: step()
    events = [(event.start_us(), i, event.nbytes()) for i, event in enumerate(profile.profiler.kineto_results.events()) if event.name() == "[memory]"]
    now = most = 0
    for _, _, size in sorted(events):
        now += size
        most = max(most, now)
    return most


def first_batch(twin, batch, np):
    """The batch that main() of the emitted file makes where it is given no data."""
    source = open(twin.__file__).read()
    lines = [line.strip() for line in source.splitlines()]
    names = {"np": np, "count": batch}
    for name in ("x", "y"):
        line = next((line for line in lines if line.startswith(f"{name} = np.random.")), None)
        if line: exec(line, names)
    x = twin.inputs(names["x"]).contiguous()
    return x, twin.targets(names["y"]) if "y" in names else x


def compare(netc, path, options, batch):
    with tempfile.TemporaryDirectory() as folder:
        text, path = open(path).read(), os.path.join(folder, "network.net")
        with open(path, "w") as short: short.write(re.sub(r"(?s)train \{.*?\}", "train { sgd 0.01 }", text))  # no state, no temporaries
        file = os.path.join(folder, "twin.py")
        subprocess.run([netc, "--emit-pytorch", path, "-o", file, *options], check=True, capture_output=True)
        bill = subprocess.run([netc, "--like", "pytorch", path, "--json", "--batch", str(batch), *options], check=True, capture_output=True, text=True)
        # A process each: the functions of PyTorch are replaced, and freed memory goes back.
        found = subprocess.run([sys.executable, __file__, "--one", file, str(batch)], check=True, capture_output=True, text=True)
    data = json.loads(bill.stdout)
    there = {line["what"]: line["pytorch"] for line in data["lines"]}
    step = data["tensors"] - sum(there.get(what, 0) for what in ("parameters", "running statistics, counters", "the batch", "workspaces"))
    saved, most = map(int, found.stdout.split())
    return data["saved"], saved, step, most


def main():
    if sys.argv[1] == "--one":
        print(*pytorch_saved(sys.argv[2], int(sys.argv[3])))
        return 0
    try:
        import torch  # noqa: F401
    except ImportError:
        print("no PyTorch: skipped")
        return 77
    netc, names, wrong = os.path.abspath(sys.argv[1]), sys.argv[2:] or CASES, 0
    for name in names:
        path = os.path.join(EXAMPLES, name, name + ".net")
        if not os.path.exists(path): path = os.path.join(HERE, "nets", name + ".net")
        predicted, found, step, most = compare(netc, path, EXAMPLE_OPTIONS.get(name, []), 2)
        good = predicted == found and (name not in PEAKS or 0 <= most - step <= step // 1000)
        wrong += not good
        peaks = f"; a peak of {step:,} predicted, {most:,} seen" if name in PEAKS else ""
        print(f"{'ok  ' if good else 'FAIL'} {name}: {predicted:,} bytes predicted, {found:,} kept{peaks}")
    print(f"{len(names)} networks, {wrong} that differ")
    return 1 if wrong else 0


sys.exit(main())
