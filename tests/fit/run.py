#!/usr/bin/env python3
"""Making a tensor again never changes a result: weights trained under `--fit` are those trained plainly, bit for bit.

  run.py NETC RUNTIME_LIBRARY SOURCE_DIR

Every example at a reduced size, at three budgets from the plain arena down to the least. Where the choice is another number of micro-steps, the plain
run is one with as many. A few run under --guard; one emitted CPU program and one CUDA plan are held to the same choice."""
import array
import glob
import json
import math
import os
import random
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from reduced import reduced

NETC, LIBRARY, SOURCE = (os.path.abspath(p) for p in sys.argv[1:4])
# Batches at which activations, not gradients and the optimiser's state, are most of the arena; three steps. The others take ten of seven samples.
BATCHES = {"alexnet": 64, "convnext_t": 32, "densenet121": 3, "efficientnet_b0": 32, "googlenet": 16, "inception_v3": 3, "resnet18": 64, "resnet34": 48, "resnet152": 3,
           "resnext50": 16, "squeezenet1_1": 64, "unet": 2, "vgg16": 3, "vgg19": 3, "wideresnet28_10": 3}
# One thread: what a kernel's scratch takes, and so the arena, depends on their number.
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
GUARDED = {"lenet", "tiny_gpt", "fashion", "gpt2"}  # --guard compares the whole arena around every call
AMPLE = "64GiB"
DOES_NOT_FIT = 3


class DoesNotFit(Exception): pass


def run(*command, status=0, **options):
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=900, **options)
    if done.returncode == DOES_NOT_FIT != status: raise DoesNotFit
    if done.returncode != status: raise RuntimeError(f"exit {done.returncode}: {' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-3000:]}")
    return done


def write_npy(path, kind, shape, numbers):
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {tuple(shape)}, }}"
    header = header.ljust((len(header) + 11 + 63) // 64 * 64 - 11) + "\n"
    with open(path, "wb") as file: file.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + array.array({"<f4": "f", "<i8": "q"}[kind], numbers).tobytes())


def write_data(folder, net):
    """A few samples for `net`. The generated data will not do: after training 2,000 samples are evaluated."""
    report = json.loads(run(NETC, net, "--json").stdout)
    layers = {layer["name"]: layer for layer in report["layers"]}
    first, scores = report["layers"][0], layers[report["layers"][-1]["inputs"][0]]["output"]
    shape, vocabulary, rows = first["output"], re.search(r"tokens (\d+)$", first["source"]), math.prod(scores[:-1])
    numbers = random.Random(3)
    whole = lambda count, below: [numbers.randrange(below) for _ in range(count)]
    reals = lambda count: [numbers.random() for _ in range(count)]
    os.makedirs(folder)
    for split, n in (("train", 64), ("test", 1)):
        values = n * math.prod(shape)
        write_npy(f"{folder}/x_{split}.npy", "<i8" if vocabulary else "<f4", [n, *shape], whole(values, int(vocabulary[1])) if vocabulary else reals(values))
        classes = report["loss"]["kind"] == "softmax" or (rows == 1 and scores[-1] > 1)
        if classes: write_npy(f"{folder}/y_{split}.npy", "<i8", [n, rows] if rows > 1 else [n], whole(n * rows, scores[-1]))
        else: write_npy(f"{folder}/y_{split}.npy", "<f4", [n, *scores], reals(n * math.prod(scores)))


def network(folder, name, batch):
    """The example at a reduced size, and its data beside it."""
    text = reduced(SOURCE, name, f"sgd 0.01 momentum 0.9; batch {batch}; steps {3 if name in BATCHES else 10}", simple_cnn="20x20x3", default="32x32x3")
    # Thin fully connected layers: 4096 wide they are nearly all of the arena.
    text = re.sub(r"fc 4096", "fc 64", text)
    path = os.path.join(folder, f"{name}_{batch}.net")
    with open(path, "w") as file: file.write(text)
    if not os.path.exists(folder + "/data"): write_data(folder + "/data", path)
    with open(path, "w") as file: file.write(re.sub(r"(?m)^(input [^\n;#]*?) *(?=$|;|#)", r'\1 from npy "data"', text, count=1))
    return path


def tensors(path):
    """Of a safetensors file: (dtype, shape, bytes) by name, without the metadata."""
    with open(path, "rb") as file: data = file.read()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header.pop("__metadata__", None)
    return {name: (each["dtype"], each["shape"], data[end + each["data_offsets"][0]:end + each["data_offsets"][1]]) for name, each in header.items()}


def train(net, weights, *options):
    """The weights, what --check-memory says and what --fit chose: (micro-steps, batch, tensors made again)."""
    done = run(NETC, net, "--train", "--quiet", "--save", weights, "--check-memory", *options)
    memory = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    chosen = re.search(r"^fit: batch (?:(\d+)x)?(\d+)( in slices)?, (\d+|nothing)\b", done.stderr, re.M)
    if chosen and chosen[3]: raise DoesNotFit  # not without slices, which sum gradients in another order: tests/cpp/slice_test.cpp
    return tensors(weights), memory, chosen and (int(chosen[1] or 1), int(chosen[2]), 0 if chosen[4] == "nothing" else int(chosen[4]))


def fitted(net, budget, *options, status=0):
    return json.loads(run(NETC, net, "--fit", str(budget), "--json", *options, status=status).stdout)


def difference(plain, other):
    if plain.keys() != other.keys(): return f"other tensors: {sorted(plain.keys() ^ other.keys())[:4]}"
    different = [name for name in plain if plain[name] != other[name]]
    return f"{len(different)} of {len(plain)} tensors differ, {different[0]} among them" if different else ""


class Case:
    """An example at a batch."""

    def __init__(self, name, batch):
        self.name, self.batch = name, batch
        self.wrong, self.seen, self.made_again = [], [], None

    def run(self):
        with tempfile.TemporaryDirectory() as self.folder:
            net = network(self.folder, self.name, self.batch)
            offers = fitted(net, AMPLE, "--target", "cpu")
            plain, least = offers["plain"]["arena"], offers["least"]["arena"]
            self.plain = {(1, self.batch): train(net, self.folder + "/plain")[0]}
            self.saves = least < plain
            if least > plain: self.wrong.append(f"the least, {least}, is more than the plain {plain}")
            for share in (0.6, 0.25, 0.02) if self.saves else (): self.check_near(net, least, plain, share)
        self.report()
        return self

    def check_near(self, net, least, plain, share):
        """The least is one of live bytes: its packing may end a little above, and then nothing is found so near to it."""
        for more in (0, 0.1, 0.2, 0.3):
            try: return self.check(net, least + int((share + more) * (plain - least)), plain)
            except DoesNotFit: self.seen.append("nothing found")
        self.wrong.append(f"nothing fits near {share} of the way from {least} to {plain}")

    def check(self, net, budget, plain):
        guard = ["--guard"] if self.name in GUARDED else []
        weights, memory, (micro_steps, batch, made_again) = train(net, self.folder + "/fitted", "--fit", str(budget), *guard)
        if memory["planned"] > budget or memory["difference"] != 0: self.wrong.append(f"in {budget} B: {memory}")
        if memory["planned"] >= plain: self.wrong.append(f"in {budget} B: no smaller than the plain {plain}")
        self.made_again = made_again if (micro_steps, batch) == (1, self.batch) else None  # of the last, tightest budget
        self.seen.append(f"{micro_steps}x{batch} {made_again}")
        if (micro_steps, batch) not in self.plain:
            self.plain[micro_steps, batch] = train(network(self.folder, self.name, f"{micro_steps}x{batch}"), self.folder + "/plain")[0]
        found = difference(self.plain[micro_steps, batch], weights)
        if found: self.wrong.append(f"in {budget} B ({self.seen[-1]}): {found}")

    def report(self):
        if not self.saves: self.seen.append("nothing to save")
        if self.made_again == 0: self.wrong.append("nothing was made again in the tightest budget")
        print(f"{'FAIL' if self.wrong else 'ok  '} {self.name} batch {self.batch}, chosen and made again: {', '.join(self.seen)} {'; '.join(self.wrong)}", flush=True)


def check_emitted_cpu():
    """The program that --emit-cpu --fit writes ends with the weights of --train --fit, and allocates the arena that was chosen."""
    with tempfile.TemporaryDirectory() as folder:
        net, out = network(folder, "fashion", 7), os.path.join(folder, "out")
        offers = fitted(net, AMPLE, "--target", "cpu")
        budget = str((offers["plain"]["arena"] + 3 * offers["least"]["arena"]) // 4)
        inside, planned, (_, _, made_again) = train(net, folder + "/inside", "--fit", budget)
        run(NETC, net, "--emit-cpu", "--fit", budget, "-o", out)
        program = glob.glob(out + "/*.cpp")[0]
        run("g++", "-std=c++20", "-O1", "-I", out + "/runtime", program, LIBRARY, "-o", out + "/program", "-rdynamic", "-ldnnl", "-fopenmp", "-lz", "-ljpeg",
            "-lpng", "-lpthread")
        done = run(out + "/program", "--quiet", "--data", folder + "/data", "--save", folder + "/emitted", "--check-memory")
        memory = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
        wrong = difference(inside, tensors(folder + "/emitted"))
        good = not wrong and made_again > 0 and memory["allocated"] == planned["planned"] <= int(budget)
        print(f"{'ok  ' if good else 'FAIL'} --emit-cpu --fit: the weights of --train --fit; {made_again} made again, {memory} {wrong}", flush=True)
        return good


def check_emitted_cuda():
    """--emit-cuda --fit writes the plan that --fit chose."""
    with tempfile.TemporaryDirectory() as folder:
        net, out = network(folder, "resnet50", 7), os.path.join(folder, "out")
        offers = fitted(net, AMPLE)
        budget = (offers["plain"]["arena"] + offers["least"]["arena"]) // 2 + offers["library"]
        chosen = fitted(net, budget)["chosen"]
        run(NETC, net, "--emit-cuda", "--fit", str(budget), "-o", out)
        with open(out + "/plan.json") as file: plan = json.load(file)
        again = sum(".again" in buffer["name"] for buffer in plan["buffers"])
        arena = plan["totals"]["arena"]
        good = arena == chosen["arena"] <= budget - offers["library"] and again > 0 and chosen["made_again"] > 0 and bool(glob.glob(out + "/*.cpp"))
        print(f"{'ok  ' if good else 'FAIL'} --emit-cuda --fit: arena {arena}, chosen {chosen['arena']}, {again} buffers made again", flush=True)
        return good


def check_too_little():
    """Below the least, with any micro-steps, nothing is written, and the status says so."""
    with tempfile.TemporaryDirectory() as folder:
        net, weights = network(folder, "lenet", 7), os.path.join(folder, "weights")
        least = fitted(net, AMPLE, "--target", "cpu")["least"]["arena"]
        run(NETC, net, "--train", "--quiet", "--save", weights, "--fit", str(least // 2), status=DOES_NOT_FIT)
        good = not os.path.exists(weights) and fitted(net, least // 2, "--target", "cpu", status=DOES_NOT_FIT)["chosen"] is None
        print(f"{'ok  ' if good else 'FAIL'} half of the least does not fit", flush=True)
        return good


def main():
    names = sorted(os.path.basename(p) for p in glob.glob(SOURCE + "/examples/*") if os.path.isdir(p))
    cases = [Case(name, BATCHES.get(name, 7)) for name in names]
    with ThreadPoolExecutor(2) as pool: done = list(pool.map(Case.run, cases))
    # Where gradients and the optimiser's state are nearly all of the arena, there may be nothing to save.
    saving = sum(case.saves for case in done)
    print(f"{saving} of {len(done)} networks take less when tensors are made again")
    results = [not case.wrong for case in done] + [saving > 0.8 * len(done)] + [check_emitted_cpu(), check_emitted_cuda(), check_too_little()]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
