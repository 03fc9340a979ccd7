"""Runs a network in PyTorch from netc's layer list: every statement is read here again, by the language's own rules, and the wiring
comes from the "inputs" of `netc --estimate --json`. Activations are N x C x H x W; netc's tensors are channels last."""
import re

import numpy as np
import torch
import torch.nn.functional as F


def philox(seed, stream, blocks):
    """Philox 4x32-10 (Salmon et al. 2011): four uint32 for each of the first `blocks` counters."""
    mask = np.uint64(0xFFFFFFFF)
    count = np.arange(blocks, dtype=np.uint64)
    c = [count & mask, count >> np.uint64(32), np.full(blocks, stream & 0xFFFFFFFF, np.uint64), np.full(blocks, stream >> 32, np.uint64)]
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(p1 >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), p1 & mask, (p0 >> np.uint64(32)) ^ c[3] ^ np.uint64(k1), p0 & mask]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack(c, 1).reshape(-1)


def drop_mask(seed, layer, micro_step, count, p):
    bits = philox(seed, (layer << 40) ^ micro_step, (count + 3) // 4)[:count]
    return ((bits >> np.uint64(8)).astype(np.float64) / 16777216.0 >= np.float32(p)).astype(np.float64) / (1.0 - p)


class Statement:
    """`conv 64 3x3/2 pad groups 2` -> verb, numbers, kernel, words."""

    def __init__(self, text):
        tokens = re.sub(r"\s*=\s*", "=", text.split("{")[0]).split()
        self.verb, self.numbers, self.kernel, self.stride, self.words, self.range = tokens[0], [], None, None, {}, None
        last = None
        for token in tokens[1:]:
            if re.fullmatch(r"\d+x\d+(/\d+(x\d+)?)?", token):
                sides, _, stride = token.partition("/")
                self.kernel = [int(n) for n in sides.split("x")]
                self.stride = [int(n) for n in stride.split("x")] if stride else None
                if self.stride and len(self.stride) == 1: self.stride *= 2
            elif ".." in token:
                self.range = [int(n) for n in token.split("..")]
            elif re.fullmatch(r"[-+.0-9][-+.0-9e]*", token):
                if last: self.words[last].append(float(token))
                else: self.numbers.append(float(token))
            else:
                name, _, values = token.partition("=")
                self.words[name] = [float(v) for v in values.split(",")] if values else []
                last = None if values else name

    def value(self, word, default):
        return self.words[word][0] if self.words.get(word) else default


def padding(s, kernel, stride, dilation, h, w):
    """(top, bottom, left, right)."""
    if "same" in s.words:
        out = []
        for size, k, st in ((h, kernel[0], stride[0]), (w, kernel[1], stride[1])):
            total = max((-(-size // st) - 1) * st + (k - 1) * dilation + 1 - size, 0)
            out += [total // 2, total - total // 2]
        return out
    if "pad" not in s.words: return [0, 0, 0, 0]
    given = s.words["pad"]
    ph, pw = ((given * 2)[:2] if given else [(k - 1) // 2 * dilation for k in kernel])
    return [int(ph), int(ph), int(pw), int(pw)]


ACTIVATIONS = {
    "relu": F.relu, "relu6": F.relu6, "silu": F.silu, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "hardswish": F.hardswish,
    "hardsigmoid": F.hardsigmoid,
}


class Replay:
    def __init__(self, report, parameters, states, seed):
        """report: netc's JSON; parameters: name -> leaf tensor in PyTorch's layout; states: name -> running statistic."""
        # Row 0 is the input; dropout's random stream is the layer's index without it.
        self.layers = {layer["name"]: (i, layer, Statement(layer["source"])) for i, layer in enumerate(report["layers"][1:])}
        self.order = list(self.layers)
        self.p, self.states, self.seed = parameters, states, seed

    def run(self, x, micro_step):
        """Scores of the network for x, in training mode."""
        values = {"input": x}
        for name in self.order:
            index, layer, s = self.layers[name]
            if s.verb == "loss": return values[layer["inputs"][0]]
            inputs = [values[i] for i in layer["inputs"]]
            values[name] = self.apply(index, name, s, inputs, micro_step)
        return values[self.order[-1]]

    def apply(self, index, name, s, inputs, micro_step):
        x, verb = inputs[0], s.verb
        if verb in ("conv", "depthwise"):
            w = self.p[name + ".w"]
            dilation, stride = int(s.value("dilate", 1)), s.stride or [1, 1]
            groups = x.shape[1] if verb == "depthwise" else int(s.value("groups", 1))
            top, bottom, left, right = padding(s, s.kernel, stride, dilation, *x.shape[2:])
            return F.conv2d(F.pad(x, (left, right, top, bottom)), w, self.p.get(name + ".b"), stride, 0, dilation, groups)
        if verb in ("deconv", "up"):
            dilation, stride = int(s.value("dilate", 1)), s.stride or [1, 1]
            top, _, left, _ = padding(s, s.kernel, stride, dilation, *x.shape[2:])
            return F.conv_transpose2d(x, self.p[name + ".w"], self.p.get(name + ".b"), stride, (top, left), 0, int(s.value("groups", 1)), dilation)
        if verb == "fc":
            flat = x.permute(0, 2, 3, 1).reshape(x.shape[0], -1) if x.dim() == 4 else x
            return F.linear(flat, self.p[name + ".w"], self.p.get(name + ".b"))
        if verb in ("pool", "avgpool"): return self.pool(s, x)
        if verb == "upsample":
            mode = dict(mode="bilinear", align_corners=False) if "bilinear" in s.words else dict(mode="nearest")
            return F.interpolate(x, scale_factor=int(s.numbers[0]), **mode)
        if verb == "bn":
            keep = s.value("keep", 0.9)
            return F.batch_norm(x, self.states[name + ".running_mean"], self.states[name + ".running_var"], self.p[name + ".gamma"],
                                self.p[name + ".beta"], True, 1 - keep, s.value("eps", 1e-5))
        if verb == "norm":
            y = x.permute(0, 2, 3, 1) if x.dim() == 4 else x
            y = F.layer_norm(y, (y.shape[-1],), self.p[name + ".gamma"], self.p[name + ".beta"], s.value("eps", 1e-5))
            return y.permute(0, 3, 1, 2) if x.dim() == 4 else y
        if verb == "lrn":
            return F.local_response_norm(x, int(s.numbers[0]), s.value("alpha", 1e-4), s.value("beta", 0.75), s.value("k", 1.0))
        if verb in ACTIVATIONS: return ACTIVATIONS[verb](x)
        if verb == "leaky": return F.leaky_relu(x, s.numbers[0] if s.numbers else 0.01)
        if verb == "elu": return F.elu(x, s.numbers[0] if s.numbers else 1.0)
        if verb == "gelu": return F.gelu(x, approximate="tanh" if "tanh" in s.words else "none")
        if verb == "softmax": return F.softmax(x, 1)
        if verb == "drop":
            last = x.permute(0, 2, 3, 1) if x.dim() == 4 else x
            mask = torch.from_numpy(drop_mask(self.seed, index, micro_step, last.numel(), s.numbers[0]).reshape(tuple(last.shape)))
            return x * (mask.permute(0, 3, 1, 2) if x.dim() == 4 else mask).to(x.dtype)
        if verb == "scale":
            gain = self.p[name + ".gain"]
            return x * (gain.view(1, -1, 1, 1) if x.dim() == 4 else gain)
        return self.move(verb, s, inputs)

    @staticmethod
    def move(verb, s, inputs):
        x = inputs[0]
        if verb == "flatten": return x.permute(0, 2, 3, 1).reshape(x.shape[0], -1)
        if verb == "shuffle":
            n, c, h, w = x.shape
            g = int(s.numbers[0])
            return x.view(n, g, c // g, h, w).transpose(1, 2).reshape(n, c, h, w)
        if verb == "slice": return x[:, s.range[0]:s.range[1]]
        if verb in ("padto", "crop"):
            h, w = s.kernel
            if "at" in s.words:
                top, left = (int(v) for v in s.words["at"])
                if verb == "crop": return x[:, :, top:top + h, left:left + w]
                return F.pad(x, (left, w - x.shape[3] - left, top, h - x.shape[2] - top))
            top, left = (h - x.shape[2]) // 2 if verb == "padto" else (x.shape[2] - h) // 2, (w - x.shape[3]) // 2 if verb == "padto" else (x.shape[3] - w) // 2
            if verb == "crop": return x[:, :, top:top + h, left:left + w]
            return F.pad(x, (left, w - x.shape[3] - left, top, h - x.shape[2] - top))
        if verb == "add": return sum(inputs[1:], inputs[0])
        if verb == "concat": return torch.cat(inputs, 1)
        if verb == "mul":
            product = inputs[0]
            for other in inputs[1:]: product = product * other
            return product
        raise ValueError(f"no PyTorch twin of `{verb}`")

    @staticmethod
    def pool(s, x):
        if s.kernel is None: return x.mean((2, 3), keepdim=True)
        stride = s.stride or s.kernel
        top, bottom, left, right = padding(s, s.kernel, stride, 1, *x.shape[2:])
        ceil = "ceil" in s.words
        if s.verb == "pool":
            if (top, left) != (bottom, right): return F.max_pool2d(F.pad(x, (left, right, top, bottom), value=float("-inf")), s.kernel, stride, 0, 1, ceil)
            return F.max_pool2d(x, s.kernel, stride, (top, left), 1, ceil)
        return F.avg_pool2d(x, s.kernel, stride, (top, left), ceil, "countpad" in s.words)
