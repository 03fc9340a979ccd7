#!/usr/bin/env python3
"""Random networks: every layer, branches, repeats, defs and labels, losses and optimisers; the same seed gives the same network.

  random_nets.py SEED        prints one

generate(seed) gives a Net; shrink(net, fails) the smallest network it finds for which fails(text) is still true. Shapes are followed here
so that what is written is valid; sizes are small, and every bn sees enough values a channel for its statistics to be well conditioned."""
import random
import sys

ACTIVATIONS = ["relu", "relu6", "leaky 0.1", "leaky", "elu 0.7", "elu", "gelu", "gelu tanh", "gelu erf", "silu", "sigmoid", "tanh", "hardswish", "hardsigmoid"]
MOST_VALUES = 6000  # of one tensor of one sample


class Node:
    """A statement: `text`, or with `blocks` (lists of nodes) `text { ... } { ... }`. `keep`: shrinking must not drop it."""

    def __init__(self, text, blocks=None, keep=False):
        self.text, self.blocks, self.keep = text, blocks, keep

    def render(self, indent):
        if self.blocks is None: return indent + self.text
        parts = ["{" + ("\n" + lines(block, indent + "  ") + "\n" + indent if block else "") + "}" for block in self.blocks]
        return indent + " ".join([self.text, *parts])


def lines(nodes, indent=""):
    return "\n".join(node.render(indent) for node in nodes)


class Net:
    def __init__(self, seed, nodes):
        self.seed, self.nodes = seed, nodes

    def text(self):
        return f"# random network {self.seed}\n" + lines(self.nodes) + "\n"


def out_size(size, k, stride, pad, dilate=1):
    return (size + 2 * pad - dilate * (k - 1) - 1) // stride + 1


def divisors(n, most=64):
    return [d for d in range(1, min(n, most) + 1) if n % d == 0]


class Maker:
    """Writes statements and follows the current shape: (h, w, c), (t, c) or (c,)."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.labels, self.defs, self.top = 0, 0, []
        self.batch = self.r.choice([2, 3, 4, 5, 8])

    def chance(self, p): return self.r.random() < p

    # ---- Layers: each returns (node, shape after it), or None where it does not fit ----------------
    def window(self, shape, most_stride=2):
        h, w, _ = shape
        kh = self.r.choice([k for k in (1, 2, 3, 5) if k <= h])
        kw = kh if self.chance(0.7) and kh <= w else self.r.choice([k for k in (1, 2, 3) if k <= w])
        stride = [self.r.randint(1, most_stride), 0]
        stride[1] = stride[0] if self.chance(0.8) else self.r.randint(1, most_stride)
        text = f"{kh}x{kw}" + ("" if stride == [1, 1] else f"/{stride[0]}" if stride[0] == stride[1] else f"/{stride[0]}x{stride[1]}")
        return kh, kw, stride, text

    def padding(self, kh, kw, dilate=1):
        """(words, pad_h, pad_w)"""
        if kh % 2 and kw % 2 and self.chance(0.6): return " pad", (kh - 1) // 2 * dilate, (kw - 1) // 2 * dilate
        if self.chance(0.3):
            ph, pw = self.r.randint(0, kh // 2), self.r.randint(0, kw // 2)
            return (f" pad={ph}" if ph == pw else f" pad={ph},{pw}"), ph, pw
        return "", 0, 0

    def bias_word(self): return self.r.choice(["", "", " bias", " nobias"])

    def conv(self, s, depthwise=False):
        h, w, c = s
        kh, kw, stride, text = self.window(s)
        dilate = 2 if self.chance(0.15) and 2 * (kh - 1) < h and 2 * (kw - 1) < w else 1
        groups = c if depthwise else self.r.choice(divisors(c, 8)) if self.chance(0.3) else 1
        n = c if depthwise else groups * self.r.randint(1, max(1, 12 // groups))
        if self.chance(0.15) and dilate == 1:
            words, oh, ow = " same", -(-h // stride[0]), -(-w // stride[1])
        else:
            words, ph, pw = self.padding(kh, kw, dilate)
            oh, ow = out_size(h, kh, stride[0], ph, dilate), out_size(w, kw, stride[1], pw, dilate)
        if oh < 1 or ow < 1: return None
        if dilate > 1: words += f" dilate {dilate}"
        if groups > 1 and not depthwise: words += f" groups {groups}"
        return Node((f"depthwise {text}" if depthwise else f"conv {n} {text}") + words + self.bias_word()), (oh, ow, n)

    def deconv(self, s):
        h, w, c = s
        kh, kw, stride, text = self.window(s)
        if h * stride[0] * w * stride[1] > 500: return None
        n = self.r.randint(1, 8)
        words, ph, pw = self.padding(kh, kw) if self.chance(0.5) else ("", 0, 0)
        oh, ow = (h - 1) * stride[0] - 2 * ph + kh, (w - 1) * stride[1] - 2 * pw + kw
        if oh < 1 or ow < 1: return None
        return Node(f"{self.r.choice(['deconv', 'up'])} {n} {text}{words}{self.bias_word()}"), (oh, ow, n)

    def pool(self, s, verb):
        h, w, c = s
        kh, kw, stride, text = self.window(s, 3)
        if kh == kw == 1 or min(h, w) < 2: return None
        if "/" not in text: stride = [kh, kw]
        words, ph, pw = self.padding(kh, kw)
        sizes = []
        ceil = self.chance(0.25)
        for size, k, st, p in ((h, kh, stride[0], ph), (w, kw, stride[1], pw)):
            n = out_size(size, k, st, p)
            if ceil and (size + 2 * p - k) % st and (n * st) < size + p: n += 1
            sizes.append(n)
        if min(sizes) < 1: return None
        if ceil: words += " ceil"
        if verb == "avgpool" and self.chance(0.3): words += " countpad"
        return Node(f"{verb} {text}{words}"), (*sizes, c)

    def groupnorm(self, s):
        """Groups of at least two channels: a group of one that hardly changes over a sample is divided by next to nothing."""
        groups = [g for g in divisors(s[-1]) if s[-1] // g >= 2]
        return (Node(f"groupnorm {self.r.choice(groups)}"), s) if groups and s[0] > 2 else None

    def image_layer(self, s):
        h, w, c = s
        pick = self.r.choice(["conv"] * 5 + ["depthwise", "deconv", "upsample", "pool", "pool", "avgpool", "bn", "bn", "norm", "groupnorm", "rmsnorm", "lrn",
                                             "act", "act", "act", "drop", "scale", "shuffle", "slice", "padto", "crop", "branch", "branch", "repeat", "for", "def"])
        if pick in ("conv", "depthwise"): return self.conv(s, pick == "depthwise")
        if pick == "deconv": return self.deconv(s)
        if pick in ("pool", "avgpool"): return self.pool(s, pick)
        if pick == "upsample": return (Node("upsample 2" + self.r.choice(["", " nearest", " bilinear"])), (2 * h, 2 * w, c)) if h * w <= 64 else None
        if pick == "lrn": return Node(f"lrn {self.r.choice([3, 5])}" + self.r.choice(["", " alpha 0.5", " beta 0.5 k 2"])), s
        if pick == "groupnorm": return self.groupnorm(s)
        if pick == "shuffle": return Node(f"shuffle {self.r.choice(divisors(c))}"), s
        if pick == "padto":
            th, tw = h + self.r.randint(0, 3), w + self.r.randint(0, 3)
            return Node(f"padto {th}x{tw}"), (th, tw, c)
        if pick == "crop":
            th, tw = self.r.randint(max(1, h - 3), h), self.r.randint(max(1, w - 3), w)
            return Node(f"crop {th}x{tw}"), (th, tw, c)
        return self.any_layer(pick, s)

    def sequence_layer(self, s):
        t, c = s
        pick = self.r.choice(["attn"] * 4 + ["fc"] * 3 + ["norm", "rmsnorm", "groupnorm", "lstm", "gru", "position", "cls", "act", "act", "drop", "scale", "branch",
                                                          "branch", "repeat", "for", "def", "slice"])
        if pick == "attn":
            heads = self.r.choice(divisors(c, 4))
            words = " causal" if self.chance(0.4) else ""
            if self.chance(0.3): words += f" kv {self.r.choice(divisors(heads))}"
            if self.chance(0.3) and c // heads % 2 == 0: words += " rope"
            if self.chance(0.1): words += " drop 0.2"
            return Node(f"attn {heads}{words}{self.bias_word()}"), s
        if pick == "fc":
            n = self.r.randint(2, 16)
            return Node(f"fc {n}{self.bias_word()}"), (t, n)
        if pick in ("lstm", "gru"):
            n, words, width = self.r.randint(2, 8), "", 1
            if self.chance(0.3): words += f" layers {self.r.randint(2, 3)}"
            if self.chance(0.4): words, width = words + " bidirectional", 2
            return Node(f"{pick} {n}{words}"), (t, n * width)
        if pick == "position": return Node(f"position {t + self.r.choice([0, 0, 3])}"), s
        if pick == "cls": return (Node("cls"), (t + 1, c)) if t < 20 else None
        if pick == "groupnorm": return self.groupnorm(s)
        return self.any_layer(pick, s)

    def flat_layer(self, s):
        pick = self.r.choice(["fc", "fc", "bn", "norm", "act", "act", "drop", "scale", "branch", "repeat", "for", "def", "softmax", "slice"])
        if pick == "fc":
            n = self.r.randint(2, 24)
            return Node(f"fc {n}{self.bias_word()}"), (n,)
        if pick == "softmax": return (Node("softmax"), s) if s[0] > 1 else None
        return self.any_layer(pick, s)

    def any_layer(self, pick, s):
        """What fits every shape."""
        c = s[-1]
        values = self.batch
        for size in s[:-1]: values *= size
        if pick == "act": return Node(self.r.choice(ACTIVATIONS)), s
        if pick == "bn": return (Node("bn" + self.r.choice(["", " eps 1e-3", " keep 0.8"])), s) if values >= 24 else None
        if pick in ("norm", "rmsnorm"): return (Node(pick + self.r.choice(["", " eps 1e-3"])), s) if c >= 4 else None
        if pick == "drop": return Node(f"drop {self.r.choice([0.1, 0.3, 0.5])}"), s
        if pick == "scale": return Node("scale" + self.r.choice(["", " init 0.5"])), s
        if pick == "slice":
            a = self.r.randint(0, c - 1)
            b = self.r.randint(a + 1, c)
            return Node(f"slice {a}..{b}"), (*s[:-1], b - a)
        if pick == "branch": return self.branches(s)
        if pick == "repeat":
            body = self.same_shape(s)
            return (Node(f"{self.r.randint(2, 3)} *", [body]), s) if body else None
        if pick == "def": return self.call(s)
        if pick == "for":
            a, b = self.r.randint(2, 8), self.r.randint(2, 8)
            return Node(f"for c in ({a}) ({b})", [[self.to_c(s), Node(self.r.choice(ACTIVATIONS))]]), (*s[:-1], b)
        raise ValueError(pick)

    def layer(self, s):
        made = self.image_layer(s) if len(s) == 3 else self.sequence_layer(s) if len(s) == 2 else self.flat_layer(s)
        if made is None: return None
        size = 1
        for n in made[1]: size *= n
        return made if size <= MOST_VALUES else None

    # ---- Blocks --------------------------------------------------------------------------------------
    def to_channels(self, s, c):
        """A layer that leaves s with c channels."""
        return (Node(f"conv {c} 1x1"), (*s[:2], c)) if len(s) == 3 else (Node(f"fc {c}"), (*s[:-1], c))

    def to_c(self, s):
        return Node("conv c 1x1" if len(s) == 3 else "fc c")

    def body(self, s, count):
        nodes = []
        while len(nodes) < count:
            made = self.layer(s)
            if made is None: continue
            nodes.append(made[0])
            s = made[1]
        return nodes, s

    def same_shape(self, s):
        """Layers that leave the shape as it is; None where that was not found."""
        for _ in range(20):
            nodes, after = self.body(s, self.r.randint(1, 3))
            if after[:-1] != s[:-1] or len(after) != len(s): continue
            if after[-1] != s[-1]: nodes.append(self.to_channels(after, s[-1])[0])
            return nodes
        return None

    def branches(self, s):
        verb = self.r.choice(["add", "add", "concat", "mul", "label"])
        if verb == "mul" and len(s) == 3 and self.chance(0.6):  # squeeze and excitation
            gate = [Node("avgpool"), Node(f"conv {max(1, s[2] // 2)} 1x1"), Node("relu"), Node(f"conv {s[2]} 1x1"), Node(self.r.choice(["sigmoid", "hardsigmoid"]))]
            return Node("mul", [[], gate]), s
        count = 2 if verb == "mul" else self.r.randint(2, 3)
        bodies = [self.same_shape(s) if i or self.chance(0.3) else [] for i in range(count)]
        if any(body is None for body in bodies): return None
        if verb == "label":
            self.labels += 1
            name = f"skip{self.labels}"
            self.r.shuffle(bodies)
            return Node("1 *", [[Node(f"{name}:", [bodies[0] or [Node("tanh")]]), *bodies[-1], Node("add {} {" + name + "}")]]), s
        if verb == "concat":
            widths = [s[-1]] * count
            for i, body in enumerate(bodies):
                if not body: continue
                widths[i] = self.r.randint(1, 6)
                body.append(self.to_channels(s, widths[i])[0])
            return Node("concat", bodies), (*s[:-1], sum(widths))
        if verb == "mul": bodies[1] = bodies[1] + [Node(self.r.choice(["sigmoid", "tanh"]))]  # powers of powers leave float32's range
        return Node(verb, bodies), s

    def call(self, s):
        """A def of its own, called once or twice with the number of channels as its argument."""
        body = self.same_shape(s)
        if not body: return None
        self.defs += 1
        name = f"block{self.defs}"
        tail = self.to_c(s)
        self.top.append(Node(f"def {name} c=4", [body + [tail, Node("if c > 3", [[Node("tanh")]])]], keep=True))
        n = self.r.randint(2, 8)
        return Node(f"{name} {n}"), (*s[:-1], n)

    # ---- The whole file ------------------------------------------------------------------------------
    def start(self):
        """(nodes, shape) of the input."""
        kind = self.r.choice(["image"] * 5 + ["tokens"] * 3 + ["sequence", "flat"])
        if kind == "image":
            s = (self.r.randint(4, 12), self.r.randint(4, 12), self.r.randint(1, 4))
            return [Node(f"input {s[0]}x{s[1]}x{s[2]}", keep=True)], s, None
        if kind == "flat":
            n = self.r.randint(3, 24)
            return [Node(f"input {n}", keep=True)], (n,), None
        t = self.r.randint(3, 12)
        if kind == "sequence":
            c = self.r.randint(2, 12)
            return [Node(f"input {t}x{c}", keep=True)], (t, c), None
        vocabulary, c = self.r.randint(5, 40), self.r.choice([4, 6, 8, 12])
        nodes = [Node(f"input {t} tokens {vocabulary}", keep=True), Node(f"emb: embed {vocabulary} {c}", keep=True)]
        if self.chance(0.6): nodes.append(Node(f"position {t}"))
        return nodes, (t, c), (t, vocabulary, c)

    def end(self, s, tokens):
        """The last layers and the loss."""
        nodes = []
        if len(s) == 3:
            turn = self.r.choice(["avgpool", "flatten", "fc", "tokens", "map"])
            if turn == "tokens": nodes, s = [Node("tokens")], (s[0] * s[1], s[2])
            elif turn == "avgpool": nodes, s = [Node("avgpool"), Node("flatten")], (s[2],)
            elif turn == "flatten": nodes, s = [Node("flatten")], (s[0] * s[1] * s[2],)
            elif turn == "fc": nodes, s = [Node("fc 6")], (6,)
        if len(s) == 2 and tokens and s[0] == tokens[0] and self.chance(0.6):  # a language model
            t, vocabulary, c = tokens
            if s[1] != c: nodes.append(Node(f"fc {c}"))
            tied = self.chance(0.6)
            nodes.append(Node(f"fc {vocabulary} tie emb{self.r.choice(['', ' nobias'])}" if tied else f"fc {vocabulary}"))
            return nodes + [Node(self.r.choice(["loss softmax", "loss softmax smooth 0.1"]), keep=True)]
        if len(s) == 2: nodes, s = nodes + [Node("first")], (s[1],)
        if len(s) == 3: nodes.append(Node(f"conv {self.r.randint(2, 4)} 1x1"))
        else: nodes.append(Node(f"fc {self.r.randint(2, 8)}"))
        losses = ["loss softmax", "loss softmax smooth 0.2"] + ([] if tokens else ["loss bce", "loss mse"])
        return nodes + [Node(self.r.choice(losses), keep=True)]

    def train(self, layers):
        """Adaptive optimisers divide a gradient by its own size: a gradient that is 0 but for rounding, as those of biases before a norm or of
        attention's keys are, becomes a step in a direction that only rounding knows. They go with networks without such layers."""
        decay = self.r.choice(["", "", " decay 0.01", " decay 0.01 on matrices", " decay 0.01 on all"])
        optimizers = ["sgd 1e-3", "sgd 1e-3 momentum 0.9", "sgd 1e-3 momentum 0.9 nesterov"]
        if not any(word in layers for word in ("bn", "norm", "attn", "softmax")): optimizers += ["adam 1e-3", "adamw 1e-3", "rmsprop 1e-3"] * 2
        optimizer = self.r.choice(optimizers)
        clip = " clip 1" if self.chance(0.2) else ""
        micro = f"{self.r.randint(2, 3)}x" if self.chance(0.15) else ""
        schedule = self.r.choice(["", "", "; cosine warmup 2", "; linear to 0.1", "; step 2 0.5"])
        return Node(f"train {{ {optimizer}{decay}{clip}; batch {micro}{self.batch}{schedule}; steps 10 }}", keep=True)

    def net(self, seed):
        head, shape, tokens = self.start()
        body, shape = self.body(shape, self.r.randint(2, 7))
        inits = ["init xavier", "init normal 0.1"]
        if not any(word in lines(self.top + body) for word in ("*", "add", "concat")): inits.append("init he")  # grows with every sum
        if self.chance(0.4): head.append(Node(self.r.choice(inits)))
        body += self.end(shape, tokens)
        layers = lines(self.top + body).replace("loss softmax", "")
        return Net(seed, self.top + head + body + [self.train(layers)])


def generate(seed):
    return Maker(seed).net(seed)


# ---- Shrinking ---------------------------------------------------------------------------------------
def variants(nodes):
    """Smaller lists of statements, the largest steps first: without a statement, with a block's content in its place, smaller inside."""
    for i, node in enumerate(nodes):
        if not node.keep: yield nodes[:i] + nodes[i + 1:]
    for i, node in enumerate(nodes):
        if node.blocks is None: continue
        if not node.keep:
            for block in node.blocks: yield nodes[:i] + block + nodes[i + 1:]
        for b, block in enumerate(node.blocks):
            for smaller in variants(block):
                yield nodes[:i] + [Node(node.text, node.blocks[:b] + [smaller] + node.blocks[b + 1:], node.keep)] + nodes[i + 1:]


def shrink(net, fails):
    """Takes smaller networks as long as fails(text) holds for one."""
    nodes, smaller = net.nodes, True
    while smaller:
        smaller = False
        for candidate in variants(nodes):
            if fails(Net(net.seed, candidate).text()):
                nodes, smaller = candidate, True
                break
    return Net(net.seed, nodes)


if __name__ == "__main__":
    print(generate(int(sys.argv[1])).text(), end="")
