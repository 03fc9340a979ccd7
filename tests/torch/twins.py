"""What the judge puts in place of parts of an emitted file: dropout with netc's mask, and relu and max-pooling that decide ties as netc did."""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def philox(seed, stream, blocks):
    """Philox 4x32-10 (Salmon et al. 2011): four uint32 for each of the first `blocks` counters (runtime/random.h)."""
    mask = np.uint64(0xFFFFFFFF)
    count = np.arange(blocks, dtype=np.uint64)
    c = [count & mask, count >> np.uint64(32), np.full(blocks, stream & 0xFFFFFFFF, np.uint64), np.full(blocks, stream >> 32, np.uint64)]
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(p1 >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), p1 & mask, (p0 >> np.uint64(32)) ^ c[3] ^ np.uint64(k1), p0 & mask]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack(c, 1).reshape(-1)


def keep_mask(p, seed, layer, micro_step, count):
    """netc's dropout mask of 1/(1-p) and 0: a counter over the elements, a stream for each layer and micro-step."""
    bits = philox(seed, (layer << 40) ^ micro_step, (count + 3) // 4)[:count]
    kept = (bits >> np.uint64(8)).astype(np.float64) / 16777216.0 >= np.float32(p)
    return torch.from_numpy(kept.astype(np.float64) / (1.0 - p))


class CounterDropout(nn.Module):
    """Dropout with netc's mask, over the elements in netc's order."""

    def __init__(self, p, seed, layer, clock):
        super().__init__()
        self.p, self.seed, self.layer, self.clock = p, seed, layer, clock

    def forward(self, x):
        if not self.training: return x
        last = x.permute(0, 2, 3, 1) if x.dim() == 4 else x
        mask = keep_mask(self.p, self.seed, self.layer, self.clock.micro_step, last.numel()).reshape(last.shape).to(x.dtype)
        return x * (mask.permute(0, 3, 1, 2) if x.dim() == 4 else mask)


class Clock:
    micro_step = 1


def swap_dropout(net, layer_of, seed, clock):
    """Every nn.Dropout becomes netc's; `layer_of` gives the index of the layer a module's path belongs to."""
    for path, module in list(net.named_modules()):
        if type(module) is not nn.Dropout: continue
        owner, _, name = path.rpartition(".")
        setattr(net.get_submodule(owner), name, CounterDropout(module.p, seed, layer_of(path), clock))


class Functions:
    """Stands for torch.nn.functional in an emitted file during one forward pass: attention drops what netc drops."""

    def __init__(self, layers, seed, micro_step):
        """layers: netc's JSON rows. Functions are called in the layers' order."""
        self.attention = iter([i for i, layer in enumerate(layers) if layer["op"] == "attn"])
        self.seed, self.micro_step = seed, micro_step

    def __getattr__(self, name):
        if name == "scaled_dot_product_attention": raise AttributeError(name)  # the twin then calls dropout itself
        return getattr(F, name)

    def dropout(self, x, p):
        layer = next(self.attention)
        return x * keep_mask(p, self.seed, layer, self.micro_step, x.numel()).reshape(x.shape).to(x.dtype) if p > 0 else x

    def finish(self):
        pass


class Decisions(Functions):
    """And relu, relu6 and max-pooling go the way netc went where the two ways are a rounding error apart. What netc did is in its trace."""

    CLOSE = 1e-3  # of the tensor's largest magnitude: how near the other way must be

    def __init__(self, layers, seed, micro_step, trace):
        """trace(name): what layer `name` left."""
        super().__init__(layers, seed, micro_step)
        self.names = {op: iter([layer["name"] for layer in layers if layer["op"] == op]) for op in ("relu", "relu6", "pool")}
        self.trace, self.pending, self.flips = trace, None, 0

    def relu(self, x):
        return self.clamp(x, next(self.names["relu"]), float("inf"))

    def relu6(self, x):
        return self.clamp(x, next(self.names["relu6"]), 6.0)

    def clamp(self, x, name, top):
        y = netc_image(self.trace(name))
        if y.shape != x.shape:  # netc runs it behind the max-pooling that follows
            self.pending = (y, top)
            return x
        return self.decide(x, y, top)

    def decide(self, x, y, top):
        below, above = y <= 0, y >= top
        wrong = (below != (x <= 0)) | (above != (x >= top))
        self.check(wrong, torch.minimum(x.abs(), (x - top).abs()), x)
        return torch.where(below, torch.zeros_like(x), torch.where(above, torch.full_like(x, min(top, 1e30)), x))

    def check(self, wrong, distance, x):
        self.flips += int(wrong.sum())
        if wrong.any() and distance[wrong].max() > self.CLOSE * x.abs().max():
            raise AssertionError("netc decided differently where it is not a matter of rounding")

    def max_pool2d(self, x, kernel, stride=None, padding=0, ceil_mode=False):
        index = netc_image(self.trace(next(self.names["pool"]) + ".index")).long()
        (kh, kw), (sh, sw), (ph, pw) = pair(kernel), pair(stride or kernel), pair(padding)
        n, c, oh, ow = index.shape
        more = ((oh - 1) * sh + kh - x.shape[2] - ph, (ow - 1) * sw + kw - x.shape[3] - pw)
        padded = F.pad(x, (pw, max(more[1], 0), ph, max(more[0], 0)), value=-1e30)
        windows = padded[:, :, :(oh - 1) * sh + kh, :(ow - 1) * sw + kw].unfold(2, kh, sh).unfold(3, kw, sw).reshape(n, c, oh, ow, kh * kw)
        y = windows.gather(4, index.unsqueeze(4)).squeeze(4)
        best = windows.detach().max(4).values
        self.check(y.detach() < best, best - y.detach(), x)
        pending, self.pending = self.pending, None
        return y if pending is None else self.decide(y, *pending)

    def finish(self):
        left = [name for names in self.names.values() for name in names]
        if left: raise AssertionError(f"the emitted file never ran {left}")


def pair(value):
    return value if isinstance(value, tuple) else (value, value)


def netc_image(array):
    x = torch.from_numpy(np.asarray(array))
    return x.permute(0, 3, 1, 2) if x.dim() == 4 else x
