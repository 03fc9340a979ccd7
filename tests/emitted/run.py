#!/usr/bin/env python3
"""The emitted CPU program: allocates what the estimate says, and trains to the bits of `netc --train`.

  run.py NETC RUNTIME_LIBRARY SOURCE_DIR

Every example (at a reduced input), several batches and three optimisers: the program is compiled against the runtime library that
the build already made, run for one step under a shim that records its allocations, and its JSON compared with the estimate's.
One emitted folder is built by its own CMakeLists.txt, as a user would, and must print netc's own losses."""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from reduced import reduced

NETC, LIBRARY, SOURCE = (os.path.abspath(p) for p in sys.argv[1:4])
OPTIMIZERS = ["sgd 0.01", "sgd 0.01 momentum 0.9", "adam 1e-3"]


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0: raise RuntimeError(f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-3000:]}")
    return done.stdout


def network(name, batch, optimizer, folder):
    """The example on generated data at a small input."""
    path = os.path.join(folder, name + ".net")
    with open(path, "w") as out: out.write(reduced(SOURCE, name, f"{optimizer}; batch {batch}"))
    return path


def link(out, program, binary):
    """The program's text from the folder, the runtime from the library: the same sources, compiled once."""
    run("g++", "-std=c++20", "-O1", "-Wall", "-Wextra", "-Werror", "-I", out + "/runtime", program, LIBRARY, "-o", binary, "-rdynamic", "-ldnnl",
        "-fopenmp", "-lz", "-ljpeg", "-lpng", "-lpthread")


def check(case):
    name, batch, optimizer, shim = case
    with tempfile.TemporaryDirectory() as folder:
        net = network(name, batch, optimizer, folder)
        estimate = json.loads(run(NETC, net, "--json", "--target", "cpu"))["totals"]["arena"]
        out = os.path.join(folder, "out")
        run(NETC, net, "--emit-cpu", "-o", out)
        program = glob.glob(out + "/*.cpp")[0]
        binary, log = os.path.join(folder, "program"), os.path.join(folder, "allocations")
        link(out, program, binary)
        printed = run(binary, "--dry-run", "--check-memory", "--quiet", env={**os.environ, "LD_PRELOAD": shim, "NETC_ALLOCATIONS": log})
        memory = json.loads(next(line for line in printed.splitlines() if line.startswith("{")))
        large = [int(line) for line in open(log)]
        plan = json.load(open(out + "/plan.json"))
        # Beside the arena the program holds the loader's copy of one batch on the host, and a few small things.
        staging = sum(b["bytes"] for b in plan["buffers"] if b["class"] == "input")
        rest = sorted(large)
        if estimate in rest: rest.remove(estimate)
        wrong = []
        if memory["planned"] != estimate or memory["allocated"] != estimate or memory["difference"] != 0: wrong.append(f"memory says {memory}")
        if large.count(estimate) != 1: wrong.append(f"{large.count(estimate)} allocations of {estimate} bytes")
        if sum(rest) > 2 * staging + (4 << 20): wrong.append(f"further large allocations: {rest[-10:]}")
        print(f"{'ok  ' if not wrong else 'FAIL'} {name} batch {batch} {optimizer}: estimate {estimate}, allocated {memory['allocated']} {'; '.join(wrong)}", flush=True)
        return not wrong


def check_losses():
    """A folder built with its own build file, two commands; and the same losses as the interpreter's, to the last digit."""
    with tempfile.TemporaryDirectory() as folder:
        net = os.path.join(folder, "small.net")
        open(net, "w").write("net small_net\ninput 12x12x3\nconv 8 3x3 pad; bn; relu; pool 2x2/2; conv 12 3x3 pad; relu; drop 0.25; fc 10\nloss softmax\n"
                             "train { sgd 0.05 momentum 0.9; batch 16; cosine warmup 2; steps 12 }\n")
        inside = run(NETC, net, "--train", "--log-steps")
        out = os.path.join(folder, "out")
        run(NETC, net, "--emit-cpu", "-o", out)
        run("cmake", "-S", out, "-B", out + "/build")
        run("cmake", "--build", out + "/build", "-j2")
        emitted = run(out + "/build/small_net", "--log-steps")
        steps = lambda text: re.findall(r"^step .*$", text, re.M)
        same = steps(inside) == steps(emitted) and len(steps(inside)) == 12 and re.search("test accuracy [0-9.]+", inside).group() == re.search("test accuracy [0-9.]+", emitted).group()
        print(f"{'ok  ' if same else 'FAIL'} emitted folder: the interpreter's losses to the last digit", flush=True)
        if not same: print(inside, emitted)
        return same


def check_tokens(shim):
    """A token network: the interpreter's losses and sample, and one allocation of the estimate's bytes while it samples."""
    with tempfile.TemporaryDirectory() as folder:
        net = network("tiny_gpt", 8, "adamw 3e-3 clip 1", folder)
        options = ["--steps", "6", "--log-steps", "--save", folder + "/weights", "--sample", "40", "--prompt", "1+1="]
        inside = run(NETC, net, "--train", *options)
        estimate = json.loads(run(NETC, net, "--json", "--target", "cpu"))["totals"]["arena"]
        out, log = os.path.join(folder, "out"), os.path.join(folder, "allocations")
        run(NETC, net, "--emit-cpu", "-o", out)
        program = glob.glob(out + "/*.cpp")[0]
        link(out, program, out + "/program")
        emitted = run(out + "/program", *options, "--check-memory", env={**os.environ, "LD_PRELOAD": shim, "NETC_ALLOCATIONS": log})
        again = run(out + "/program", "--load", folder + "/weights", "--steps", "0", "--sample", "40", "--prompt", "1+1=")
        steps = lambda text: re.findall(r"^step .*$", text, re.M)
        memory = json.loads(next(line for line in emitted.splitlines() if line.startswith("{")))
        large = [int(line) for line in open(log)]
        wrong = []
        if steps(inside) != steps(emitted) or len(steps(inside)) != 6: wrong.append("the losses differ")
        if len(again) < 45 or not inside.endswith(again) or again not in emitted: wrong.append("the samples differ")
        if memory["allocated"] != estimate or memory["difference"] != 0 or large.count(estimate) != 1: wrong.append(f"estimate {estimate}: {memory}")
        if "int32_t* input;" not in open(program).read(): wrong.append("the input is no int32_t")
        print(f"{'ok  ' if not wrong else 'FAIL'} tiny_gpt: the interpreter's losses and sample, the estimate's bytes {'; '.join(wrong)}", flush=True)
        if wrong: print(inside, emitted, again)
        return not wrong


def check_lenet():
    """LeNet on Fashion-MNIST, shortened: the interpreter and the emitted program give the same losses, well under chance's."""
    net = os.path.join(SOURCE, "..", "shared", "models", "lenet.net")
    if not os.path.exists(net) or not os.path.isdir(os.path.join(SOURCE, "..", "shared", "data", "fashion-mnist")):
        print("skip LeNet on Fashion-MNIST: no ../shared beside the project", flush=True)
        return True
    with tempfile.TemporaryDirectory() as folder:
        options = ["--steps", "300", "--log-steps"]
        inside = run(NETC, net, "--train", *options)
        out = os.path.join(folder, "out")
        run(NETC, net, "--emit-cpu", "-o", out)
        link(out, glob.glob(out + "/*.cpp")[0], out + "/program")
        emitted = run(out + "/program", *options)
        steps = lambda text: re.findall(r"^step .*$", text, re.M)
        accuracy = float(re.search(r"test accuracy ([0-9.]+)", inside).group(1))
        good = steps(inside) == steps(emitted) and len(steps(inside)) == 300 and accuracy > 0.65
        print(f"{'ok  ' if good else 'FAIL'} LeNet on Fashion-MNIST, 300 steps: test accuracy {accuracy}, losses equal: {steps(inside) == steps(emitted)}", flush=True)
        return good


def main():
    with tempfile.TemporaryDirectory() as folder:
        shim = os.path.join(folder, "allocations.so")
        run("gcc", "-shared", "-fPIC", "-O1", os.path.join(SOURCE, "tests/emitted/allocations.c"), "-o", shim, "-ldl")
        examples = sorted(os.path.basename(p) for p in glob.glob(SOURCE + "/examples/*") if os.path.isdir(p))
        # Every example once; the optimisers and batches in turn over them, and all combinations for the two smallest.
        cases = [(name, 2 + i % 3, OPTIMIZERS[i % 3], shim) for i, name in enumerate(examples) if name not in ("lenet", "simple_cnn")]
        cases += [(name, batch, optimizer, shim) for name in ("lenet", "simple_cnn") for batch in (1, 7, 64) for optimizer in OPTIMIZERS]
        with ThreadPoolExecutor(2) as pool:
            results = list(pool.map(check, cases))
        results.append(check_tokens(shim))
    results += [check_lenet(), check_losses()]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
