#!/usr/bin/env python3
"""PyTorch as the judge of netc's CPU runtime, by the file that --emit-pytorch writes: the same initial weights, batches and dropout masks.

  judge.py NETC FILE.net [options]      options may also stand in the .net, in a line `# judge: --batch 4`

Compares, in double precision: the scores and loss of the first step; every parameter's gradient; the losses of ten steps, and by how much
they moved every weight and running statistic; the loss in evaluation; checkpoints in both directions. Exit status 1 when something differs by more than its limit.

A relu that sees 1e-8 in one precision and -1e-8 in another passes a gradient or does not, and so does a max-pool's tie. For the gradients,
PyTorch's relu and max-pooling therefore go the way netc went (twins.py), provided that the other way is within rounding; how many such
decisions there were in all steps is printed as `flips`. The scores and the first loss are PyTorch's own.

A network that is so rough that scores or gradients miss their limit is run by PyTorch in float32 too: netc may then be off by twice as
much as PyTorch is (printed as `float32`), but never by more than 1e-2."""
import argparse
import contextlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile

import numpy as np
import torch

from twins import Clock, Decisions, Functions, swap_dropout

LIMITS = {"scores": 1e-4, "loss": 1e-4, "gradients": 1e-4, "losses": 2e-4, "updates": 2e-3, "states": 1e-4, "evaluation": 2e-4}


def parser():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--input", metavar="HxWxC", help="another input size")
    ap.add_argument("--batch", type=int, help="samples of a micro-step")
    ap.add_argument("--narrow", type=int, default=1, help="divide widths (numbers of at least --wide in layers) by so much")
    ap.add_argument("--wide", type=int, default=16)
    ap.add_argument("--rate", type=float, help="another learning rate")
    ap.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], help="netc's own")
    ap.add_argument("--steps", type=int, default=10)
    ap.add_argument("--own", type=float, default=2, help="where a limit is passed: how many times PyTorch's own float32 error is still right")
    for key in LIMITS: ap.add_argument(f"--{key}", type=float, default=LIMITS[key], help=argparse.SUPPRESS)
    return ap


# ---- The reduced network and its data --------------------------------------------------------------

def reduced(text, a):
    """The network with another input size, batch or rate, on the judge's data."""
    if a.input: text = re.sub(r"(?m)^input \S+", f"input {a.input}", text)
    text = re.sub(r'(?m)^(input [^\n;#]*?) *(from \w+( "[^"]*")?( \{[^}]*\})?)? *(?=$|;|#)', r'\1 from npy "data"', text)
    if a.narrow > 1: text = "\n".join(narrowed(line, a) for line in text.split("\n"))
    if not re.search(r"(?m)^train\b", text): text += f"\ntrain {{ sgd {a.rate or 0.01} momentum 0.9 }}\n"
    if a.rate: text = re.sub(r"\b(sgd|adamw?|rmsprop) [0-9.e-]+", rf"\1 {a.rate}", text)
    if a.batch:
        text = re.sub(r"; batch \w+|batch \w+;? ?", "", text)
        text = re.sub(r"(?m)^(train \{.*)\}", rf"\1; batch {a.batch} }}", text)
    return text


def narrowed(line, a):
    if re.match(r"input|train|net ", line): return line
    divide = lambda found: found.group() if int(found.group()) < a.wide else str(int(found.group()) // a.narrow)
    code, hash_, comment = line.partition("#")
    return re.sub(r"(?<![\w./=])\d+(?![\w.])(?! \*)", divide, code) + hash_ + comment


def smooth_fields(random, count, h, w, c):
    """Pictures whose neighbouring pixels belong together, each with its own colours, in [0, 1]."""
    coarse = torch.from_numpy(random.standard_normal((count, c, max(h // 8, 2), max(w // 8, 2))))
    fields = torch.nn.functional.interpolate(coarse, (h, w), mode="bilinear").permute(0, 2, 3, 1).numpy()
    fields = fields + random.standard_normal((count, 1, 1, c)) + 0.5 * random.standard_normal((count, h, w, c))
    return (1 / (1 + np.exp(-fields))).astype(np.float32)


def write_data(folder, report, count, test):
    """x_train.npy, y_train.npy, x_test.npy, y_test.npy for the report's network."""
    random = np.random.default_rng(3)
    shape = report["layers"][0]["output"]
    scores_of = {layer["name"]: layer for layer in report["layers"]}[report["layers"][-1]["inputs"][0]]
    scores = scores_of["output"]
    image = (shape + [1, 1])[:3] if len(shape) < 3 else shape
    vocabulary = re.search(r"tokens (\d+)$", report["layers"][0]["source"])
    os.makedirs(folder, exist_ok=True)
    for split, n in (("train", count), ("test", test)):
        x = random.integers(0, int(vocabulary.group(1)), (n, *shape)) if vocabulary else smooth_fields(random, n, *image).reshape(n, *shape)
        np.save(f"{folder}/x_{split}.npy", x)
        rows = int(np.prod(scores[:-1]))
        if report["loss"]["kind"] == "softmax": y = random.integers(0, scores[-1], (n, rows) if rows > 1 else n)
        elif rows == 1 and scores[-1] > 1: y = random.integers(0, scores[-1], n)
        else: y = random.random((n, *scores)).astype(np.float32)
        np.save(f"{folder}/y_{split}.npy", y)


# ---- Running both ----------------------------------------------------------------------------------

def run(netc, *args):
    done = subprocess.run([netc, *args], capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    if done.returncode != 0: raise AssertionError(f"{' '.join([netc, *args])}\n{done.stdout}{done.stderr}")
    return done.stdout


def read_trace(folder, name):
    return np.load(f"{folder}/trace/{name}.npy")


def import_file(path):
    spec = importlib.util.spec_from_file_location("emitted", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Run:
    """netc's ten steps, and what PyTorch needs to take them too."""

    def __init__(self, netc, path, a, folder):
        self.netc, self.folder, self.steps, self.flips = netc, folder, a.steps, 0
        self.net_file = os.path.join(folder, "net.net")
        self.sets = [word for value in a.set for word in ("--set", value)]
        with open(self.net_file, "w") as out: out.write(reduced(open(path).read(), a))
        self.report = json.loads(run(netc, self.net_file, "--estimate", "--json", "--target", "cpu", *self.sets))
        training = self.report["training"]
        self.micro = training["micro_steps"]
        samples = training["batch"] * self.micro
        self.steps_per_epoch = -(-a.steps // 2)
        write_data(folder + "/data", self.report, samples * self.steps_per_epoch, training["batch"])
        run(netc, self.net_file, "--emit-pytorch", "-o", folder + "/net.py", *self.sets)
        self.module = import_file(folder + "/net.py")
        out = run(netc, self.net_file, "--train", "--trace", folder + "/trace", "--steps", str(a.steps), "--log-steps", "--check-memory",
                  "--save", folder + "/after.safetensors", *self.sets)
        self.losses = [float(m) for m in re.findall(r"^step \d+ loss (\S+)", out, re.M)]
        self.test_loss = float(re.findall(r"test loss ([0-9.e+-]+)", out)[-1])
        self.index = {layer["name"]: i for i, layer in enumerate(self.report["layers"][1:])}
        if len(self.losses) != a.steps: raise AssertionError(f"expected {a.steps} losses, got {len(self.losses)}:\n{out}")

    def trace(self, name):
        return read_trace(self.folder, name)

    def gradient(self, name):
        """Of the first micro-step: the sum that the others will be added to, or all there is."""
        sum_ = f"grad/{name}.gradsum"
        return self.trace(sum_ if os.path.exists(f"{self.folder}/trace/{sum_}.npy") else f"grad/{name}.grad")

    def layer_of(self, path):
        names = getattr(self.module, "NAMES", {})
        while path and names.get(path, path) not in self.index: path = path.rpartition(".")[0]
        return self.index[names.get(path, path)]

    def new_net(self, clock, dtype=torch.float64):
        """The network with netc's first weights, read by the emitted file's own `load`."""
        net = self.module.Net()
        names = {entry[0] for entry in self.module.tensors(net)}
        self.module.read_safetensors = lambda path: {name: self.trace("init/" + name) for name in names}
        self.module.load(net, "the trace")
        swap_dropout(net, self.layer_of, self.report["seed"], clock)
        return net.to(dtype)

    def batch(self, micro_step, dtype=torch.float64):
        return self.pair(self.trace(f"step{micro_step}/input"), self.trace(f"step{micro_step}/label"), dtype)

    def pair(self, x, label, dtype=torch.float64):
        to = lambda t: t.to(dtype) if t.is_floating_point() else t
        x = to(self.module.inputs(x))
        return x, to(self.module.targets(label)) if hasattr(self.module, "targets") else x

    @contextlib.contextmanager
    def functions(self, micro_step, decided=True):
        """The emitted file's functions drop as netc in a micro-step, and where `decided` its relu and max-pooling decide as netc's."""
        where = self.report["layers"][1:], self.report["seed"], micro_step
        self.module.F = functions = Decisions(*where, lambda name: self.trace(f"step{micro_step}/forward/{name}")) if decided else Functions(*where)
        yield
        self.module.F = torch.nn.functional
        functions.finish()
        self.flips += getattr(functions, "flips", 0)

    def gradients(self, dtype=torch.float64, decided=True):
        """Scores, loss, and netc's name and gradient of every parameter after the first micro-step."""
        net = self.new_net(Clock(), dtype)
        x, target = self.batch(1, dtype)
        with self.functions(1, decided): scores = net(x)
        loss = self.module.loss(scores, target) / self.micro
        loss.backward()
        gradients = {}
        for name, tensor, *layout in self.module.tensors(net):
            if tensor.grad is not None: gradients.setdefault(name, []).append((tensor.grad.double(), layout))
        return scores.detach(), loss.item(), gradients


# ---- Comparing -------------------------------------------------------------------------------------

def scores_of(array):
    scores = torch.from_numpy(array).double()
    return scores.permute(0, 3, 1, 2) if scores.dim() == 4 else scores


def laid_out(array, layout):
    """An array of netc's in PyTorch's order; layout: axes and, where several tensors share it, rows."""
    axes, *rows = layout
    array = array[rows[0]] if rows else array
    return torch.from_numpy(np.array(array if axes is None else array.transpose(axes))).double()


def compare_first_step(run, a, worst):
    """Fills scores, loss and gradients; returns the limits of the three."""
    scores, loss, _ = run.gradients(decided=False)
    gradients = run.gradients()[2]
    netc_scores = run.trace("step1/scores")
    netc_gradients = {name: run.gradient(name) for name in gradients}
    worst["scores"] = ((scores_of(netc_scores) - scores).abs().max() / max(scores.abs().max(), 1e-9)).item()
    if run.micro == 1: worst["loss"] = abs(run.losses[0] - loss) / abs(loss)
    worst["gradients"], worst["at"] = gradients_off(gradients, lambda name, layout: laid_out(netc_gradients[name], layout))
    limits = {"scores": a.scores, "gradients": a.gradients}
    if any(worst[key] > limit for key, limit in limits.items()):
        single, _, singles = run.gradients(torch.float32)
        own = {"scores": ((single.double() - scores).abs().max() / max(scores.abs().max(), 1e-9)).item()}
        parts = {name: iter([g for g, _ in each]) for name, each in singles.items()}
        own["gradients"], _ = gradients_off(gradients, lambda name, layout: next(parts[name]))
        worst["float32"] = {key: float(f"{value:.2g}") for key, value in own.items()}
        limits = {key: max(limit, min(a.own * own[key], 1e-2)) for key, limit in limits.items()}
    return limits


def gradients_off(gradients, other):
    """The largest relative difference of a gradient from other(name, layout), and the parameter's name."""
    # A bias before a norm has a gradient of exactly 0; what rounding leaves there is measured against the largest gradient of all.
    floor = 1e-2 * max(g.abs().max().item() for parts in gradients.values() for g, _ in parts)
    worst = (0.0, "")
    for name, parts in gradients.items():
        for g, layout in parts:
            off = (other(name, layout).reshape(g.shape) - g).abs().max().item() / max(g.abs().max().item(), floor)
            if not off <= worst[0]: worst = off, name
    return worst


class Steps:
    """PyTorch's ten steps in one precision: losses, what the tensors were and became, the steepest gradients, the loss in evaluation."""

    def __init__(self, run, dtype=torch.float64):
        clock = Clock()
        net = run.new_net(clock, dtype)
        double = lambda tensor: tensor.detach().double().clone()
        self.before = {name: double(tensor) for name, tensor in self.tensors(run, net)}
        steepest = {id(tensor): torch.zeros_like(tensor) for tensor in net.parameters()}
        net.train()
        optimizer = run.module.make_optimizer(net)
        self.losses = []
        for step in range(1, run.steps + 1):
            rate = run.module.learning_rate(step, run.steps_per_epoch, run.steps)
            netc_rate = run.trace(f"step{(step - 1) * run.micro + 1}/learning_rate")[0]
            if np.float32(rate) != netc_rate: raise AssertionError(f"learning rate of step {step}: {np.float32(rate)!r}, netc's is {netc_rate!r}")
            self.losses.append(run.module.train_step(net, optimizer, TickingBatches(run, step, clock, dtype), rate))
            for p in net.parameters():
                if p.grad is not None: steepest[id(p)] = torch.maximum(steepest[id(p)], p.grad.abs())
        self.after = {name: double(tensor) for name, tensor in self.tensors(run, net)}
        self.steepest = {name: steepest[id(tensor)] for name, tensor in self.tensors(run, net) if id(tensor) in steepest}
        net.eval()
        x, target = run.pair(np.load(run.folder + "/data/x_test.npy"), np.load(run.folder + "/data/y_test.npy"), dtype)
        with torch.no_grad(): self.evaluation = run.module.loss(net(x), target).item()

    @staticmethod
    def tensors(run, net):
        """Names are netc's, with a number where several tensors share one."""
        return [((name, i), tensor) for i, (name, tensor, *_) in enumerate(run.module.tensors(net))]


def steps_off(exact, losses, after, evaluation):
    """How far ten steps are from the exact ones; after: tensors by the names of Steps."""
    off = {"losses": max(abs(a - b) / max(abs(b), 1e-3) for a, b in zip(losses, exact.losses)), "updates": 0.0, "states": 0.0,
           "evaluation": abs(evaluation - exact.evaluation) / max(abs(exact.evaluation), 1e-3)}
    largest = max(steep.max().item() for steep in exact.steepest.values())
    for name, tensor in exact.after.items():
        if name not in exact.steepest:  # running statistics: the mean of a conv's output may be 0 but for rounding
            off["states"] = max(off["states"], ((after[name] - tensor).abs().max() / max(tensor.abs().max(), 1e-2)).item())
            continue
        # What gradients of rounding errors move is noise: a bias before a norm, attention's biases of keys.
        meant = exact.steepest[name] > 1e-6 * largest
        start = exact.before[name][meant]
        moved, right = after[name][meant] - start, tensor[meant] - start
        # Ten float32 sums round off up to 1e-6 of the weight itself; a move of less than 1e-4 of it is not known to 1e-2.
        far = ((moved - right).norm() / max(right.norm(), 1e-4 * start.norm(), 1e-30)).item()
        if not far <= off["updates"]: off["updates"], off["moved"] = far, name[0]
    return off


def compare_steps(run, a, worst):
    """Fills losses, updates, states and evaluation; returns their limits: where one is passed, so many times PyTorch's own float32 drift, to 0.3."""
    exact = Steps(run)
    saved = import_file(run.folder + "/net.py").read_safetensors(run.folder + "/after.safetensors")
    layouts = {(name, i): layout for i, (name, _, *layout) in enumerate(run.module.tensors(run.new_net(Clock())))}
    after = {name: laid_out(saved[name[0]], layouts[name]).reshape(tensor.shape) for name, tensor in exact.after.items()}
    worst.update(steps_off(exact, run.losses, after, run.test_loss))
    limits = {key: getattr(a, key) for key in ("losses", "updates", "states", "evaluation")}
    if any(not worst[key] <= limit for key, limit in limits.items()):
        single = Steps(run, torch.float32)
        own = steps_off(exact, single.losses, single.after, single.evaluation)
        worst["float32_steps"] = {key: float(f"{own[key]:.2g}") for key in limits}
        limits = {key: max(limit, min(a.own * own[key], 0.3)) for key, limit in limits.items()}
    return limits


class TickingBatches:
    """The batches of a step; tells dropout which micro-step it is."""

    def __init__(self, run, step, clock, dtype):
        self.run, self.step, self.clock, self.dtype = run, step, clock, dtype

    def __len__(self):
        return self.run.micro

    def __iter__(self):
        for i in range(self.run.micro):
            self.clock.micro_step = (self.step - 1) * self.run.micro + i + 1
            with self.run.functions(self.clock.micro_step): yield self.run.batch(self.clock.micro_step, self.dtype)


def compare_checkpoints(r):
    """The emitted file's `save` of the first weights, read by netc: the first step must be the same to the last bit."""
    module = import_file(r.folder + "/net.py")
    r.module.save(r.new_net(Clock(), torch.float32), r.folder + "/first.safetensors")
    out = run(r.netc, r.net_file, "--train", "--load", r.folder + "/first.safetensors", "--steps", "1", "--log-steps", *r.sets)
    loss = float(re.search(r"^step 1 loss (\S+)", out, re.M).group(1))
    if loss != r.losses[0]: raise AssertionError(f"netc --load of what PyTorch saved: the first loss is {loss}, not {r.losses[0]}")
    net = module.Net()
    module.load(net, r.folder + "/after.safetensors")  # and back: raises where a name or shape differs


def judge(netc, path, options):
    """Figures of one network, and what is wrong with them."""
    a = parser().parse_args(options + [word for line in re.findall(r"(?m)^# judge: (.*)$", open(path).read()) for word in line.split()])
    with tempfile.TemporaryDirectory() as folder:
        r = Run(netc, path, a, folder)
        worst = {key: 0.0 for key in LIMITS}
        limits = {key: getattr(a, key) for key in LIMITS}
        limits.update(compare_first_step(r, a, worst))
        limits.update(compare_steps(r, a, worst))
        worst["flips"] = r.flips
        compare_checkpoints(r)
    figures = {key: float(f"{value:.2g}") if isinstance(value, float) else value for key, value in worst.items()}
    figures["ops"] = [layer["op"] for layer in r.report["layers"]] + ["loss " + r.report["loss"]["kind"]]
    return figures, [f"{key} {figures[key]} (limit {limits[key]:g})" for key in LIMITS if not worst[key] <= limits[key]]


if __name__ == "__main__":
    torch.set_num_threads(1)
    figures, wrong = judge(os.path.abspath(sys.argv[1]), sys.argv[2], sys.argv[3:])
    figures.pop("ops")
    print(json.dumps({"net": os.path.basename(sys.argv[2]), **figures}))
    if wrong: sys.exit(f"{sys.argv[2]}: netc and PyTorch differ: {', '.join(wrong)}")
