#!/usr/bin/env python3
"""netc's command line as a user meets it: flags in any order, exit statuses, what is written and what is not.

  run.py NETC SOURCE_DIR"""
import json
import os
import subprocess
import sys
import tempfile

NETC, SOURCE = (os.path.abspath(p) for p in sys.argv[1:3])
SIMPLE = os.path.join(SOURCE, "examples/simple_cnn/simple_cnn.net")
failures = []
checks = 0


def netc(*args, **options):
    return subprocess.run([NETC, *args], capture_output=True, text=True, timeout=600, **options)


def check(name, good, seen=None):
    global checks
    checks += 1
    if good: return
    failures.append(name)
    print(f"FAIL {name}")
    if seen is not None: print(f"  exit {seen.returncode}\n  out: {seen.stdout[-600:]}\n  err: {seen.stderr[-600:]}")


def write(folder, name, text, mode="w"):
    path = os.path.join(folder, name)
    with open(path, mode) as file: file.write(text)
    return path


def estimates(folder):
    a, b = netc(SIMPLE, "--estimate"), netc("--estimate", SIMPLE)
    check("flags in any order", a.returncode == b.returncode == 0 and a.stdout == b.stdout, b)
    lines = a.stdout.strip().splitlines()
    check("the verdict is the first and the last line", lines[0] == lines[-1] and "67.88 MiB" in lines[0], a)
    check("no colour off a terminal", "\x1b" not in a.stdout + a.stderr, a)
    check("the default action is the estimate", netc(SIMPLE).stdout == a.stdout)
    data = json.loads(netc(SIMPLE, "--json").stdout)
    want = {"network", "batch", "dtype", "optimizer", "layers", "totals", "buffers", "verdict"}
    check("JSON keys", want <= set(data) and {"name", "op", "line", "output", "parameters", "macs", "bytes", "why"} <= set(data["layers"][1])
          and {"parameters", "gradients", "optimizer", "saved", "transient", "workspace"} <= set(data["layers"][1]["bytes"])
          and {"parameters", "macs", "arena", "lower_bound", "sum_of_buffers", "fixed", "per_image", "library", "device"} <= set(data["totals"])
          and {"name", "class", "dtype", "shape", "bytes", "offset", "first", "last", "line", "why"} <= set(data["buffers"][0])
          and {"fits", "memory", "largest_batch"} <= set(data["verdict"]))
    check("a batch of one's own", json.loads(netc(SIMPLE, "--json", "--batch", "8").stdout)["batch"] == 8)
    small = netc(SIMPLE, "--batch", "256", "--memory", "400MiB", "--json")
    verdict = json.loads(small.stdout)["verdict"]
    check("what does not fit exits with 3", small.returncode == 3 and verdict["fits"] is False, small)
    best = verdict["largest_batch"]
    check("the largest batch fits", netc(SIMPLE, "--memory", "400MiB", "--batch", str(best)).returncode == 0 and best > 1)
    check("the next one does not", netc(SIMPLE, "--memory", "400MiB", "--batch", str(best + 1)).returncode == 3)
    check("a card", netc(SIMPLE, "--gpu", "rtx3060").returncode == 0)
    near = netc(SIMPLE, "--gpu", "rtx3061")
    check("a card that is not there", near.returncode == 1 and "rtx306" in near.stderr, near)
    check("inference takes less", json.loads(netc(SIMPLE, "--json", "--inference").stdout)["totals"]["arena"] < data["totals"]["arena"])
    rules = netc(SIMPLE, "--rules")
    check("rules of thumb beside the answer", "torchinfo" in rules.stdout and rules.returncode == 0, rules)
    check("the list of cards", netc("--gpus").stdout.count("\n") >= 40)
    path = write(folder, "let.net", "let C=8\ninput 8x8x3\nconv C 3x3 pad; fc 10\nloss softmax\n")
    check("--set", json.loads(netc(path, "--json", "--set", "C=16").stdout)["layers"][1]["output"] == [8, 8, 16])


def messages(folder):
    for name, args, word in [("no file", [], "no network"), ("a missing file", [folder + "/none.net"], "none.net"), ("an unknown flag", [SIMPLE, "--estimat"], ""),
                             ("two actions", [SIMPLE, "--train", "--emit-cpu"], "one action"), ("a bad size", [SIMPLE, "--memory", "lots"], "lots"),
                             ("a bad set", [SIMPLE, "--set", "C"], "NAME=NUMBER"), ("an unknown pass", [SIMPLE, "--print-after", "magic"], "resolve")]:
        done = netc(*args)
        check(name, done.returncode == 1 and word in done.stderr + done.stdout, done)
    check("help", netc("--help").returncode == 0 and "--estimate" in netc("--help").stdout)
    check("version", netc("--version").stdout.startswith("netc "))
    check("an explanation", "branches" in netc("--explain", "N0301").stdout)
    check("help of a layer", "dilate" in netc("--op", "conv").stdout)
    check("passes are printed", all(netc(SIMPLE, "--print-after", p).stdout for p in ("resolve", "fuse", "differentiate", "evaluation", "plan")))
    times = netc(SIMPLE, "--time-passes")
    check("passes are timed", all(p in times.stderr for p in ("parse", "resolve", "fuse", "differentiate", "plan")), times)
    several = netc(write(folder, "several.net", "input 8x8x3\nconb 4 3x3\nconv 4 9x9\nfc\nloss softmax\n"))
    check("several mistakes in one run", several.returncode == 1 and several.stderr.count("error[") == 2 and "did you mean" in several.stderr.lower(), several)
    bad = netc(write(folder, "bad.net", "input 8x8x3\nconb 4 3x3\n"), "--emit-cpu", "-o", folder + "/never")
    check("nothing is written after an error", bad.returncode == 1 and not os.path.exists(folder + "/never"), bad)
    no_loss = netc(write(folder, "noloss.net", "input 8x8x3\nfc 4\n"), "--train")
    check("no loss with --train", no_loss.returncode == 1 and "loss" in no_loss.stderr, no_loss)
    check("no loss is fine for an estimate", netc(folder + "/noloss.net").returncode == 0)
    check("an empty file", netc(write(folder, "empty.net", "")).returncode == 1)
    check("not UTF-8", netc(write(folder, "latin.net", b"net caf\xe9\n", "wb")).returncode == 1)
    # 100,000 braces must be an error, not a crash.
    check("deep nesting", netc(write(folder, "deep.net", "input 8x8x3\n" + "2 * { " * 100000)).returncode == 1)
    check("many layers", netc(write(folder, "many.net", "input 8x8x3\n1000 * { 1001 * relu }\n")).returncode == 1)
    check("sizes that overflow", netc(write(folder, "big.net", "input 8x8x3\n" + "upsample 1000000\n" * 4)).returncode == 1)


def training(folder):
    net = write(folder, "tiny.net", "input 12x12x3\nconv 8 3x3 pad; bn; relu; pool 2x2/2; fc 10\nloss softmax\ntrain { sgd 0.05 momentum 0.9; batch 32; steps 20 }\n")
    one, two = (netc(net, "--train", "--log-steps", "--quiet", "--guard", "--check-memory") for _ in range(2))
    check("the same seed gives the same bits", one.returncode == two.returncode == 0 and len(strip(one.stdout)) == 20 and strip(one.stdout) == strip(two.stdout), one)
    memory = json.loads(next(line for line in one.stdout.splitlines() if line.startswith("{")))
    estimate = json.loads(netc(net, "--json", "--target", "cpu").stdout)["totals"]["arena"]
    check("allocated is estimated", memory["planned"] == memory["allocated"] == estimate and memory["difference"] == 0, one)
    other = netc(net, "--train", "--log-steps", "--quiet", "--seed", "2")
    check("another seed gives others", strip(other.stdout) != strip(one.stdout))
    idx = write(folder, "idx.net", 'input 28x28x1 from idx "nowhere"\nfc 10\nloss softmax\ntrain { sgd 0.1; batch 4; steps 1 }\n')
    gone = netc(idx, "--train")
    check("data that is not there", gone.returncode == 1 and "nowhere" in gone.stderr, gone)


def packings(folder):
    problem = write(folder, "problem.csv", "id,lower,upper,size\na,0,2,3\nb,1,3,2\nc,2,4,3\n")
    done = netc("--pack", problem)
    check("a packed problem", done.returncode == 0 and done.stdout.startswith("id,lower,upper,size,offset\na,0,2,3,")
          and done.stderr == "3 buffers: end 5, bound 5, proven optimal\n", done)
    check("a capacity that is met", netc(problem, "--pack", "--capacity", "5").stdout == done.stdout)
    small = netc(problem, "--pack", "--capacity", "4")
    check("a capacity that cannot be met exits with 3", small.returncode == 3 and not small.stdout and "no packing ends at or below 4" in small.stderr, small)
    check("a solution is a problem, too", netc("--pack", write(folder, "again.csv", done.stdout)).stdout == done.stdout)
    bad = write(folder, "bad.csv", "id,lower,upper,size\na,0,2,3\nb,3,3,2\n")
    wrong = netc("--pack", bad)
    check("a mistake in a problem", wrong.returncode == 1 and wrong.stderr == f"error: {bad}:3: upper 3 is not above lower 3\n" and not wrong.stdout, wrong)
    check("a problem that is not there", netc("--pack", "nowhere.csv").stderr == "error: cannot read nowhere.csv: No such file or directory\n")
    check("no problem", netc("--pack").returncode == 1)
    check("--capacity without --pack", netc(SIMPLE, "--capacity", "5").returncode == 1)
    check("--packing without the estimate", netc(SIMPLE, "--emit-cpu", "--packing", "x.csv").returncode == 1)
    plan = os.path.join(folder, "plan.csv")
    check("a plan's packing", netc(SIMPLE, "--packing", plan).returncode == 0)
    again = netc("--pack", plan)
    arena = json.loads(netc(SIMPLE, "--json").stdout)["totals"]["arena"]
    check("packed again, it ends at the arena's end", f"end {arena}, bound {arena}, proven optimal" in again.stderr, again)
    check("a packing that cannot be written", netc(SIMPLE, "--packing", os.path.join(folder, "no", "plan.csv")).returncode == 1)


def strip(text):
    """Without times and rates."""
    return [line for line in text.splitlines() if line.startswith("step ")]


def guards(folder):
    import re
    inputs = {"inception_v3": "107x107x3", "alexnet": "67x67x3", "lenet": "28x28x1", "simple_cnn": "20x20x3"}
    for name in sorted(os.listdir(os.path.join(SOURCE, "examples"))):
        path = os.path.join(SOURCE, "examples", name, name + ".net")
        if not os.path.exists(path): continue
        text = re.sub(r"input \d+x\d+x\d+", "input " + inputs.get(name, "32x32x3"), open(path).read())
        text = re.sub(r'(input [^\n;]*?) from \w+( "[^"]*")?( \{[^}]*\})?', r"\1", text)
        # Thin fully connected layers: the guard compares the whole arena around every call.
        text = re.sub(r"fc 4096", "fc 64", re.sub(r"(?m)^train \{.*\}$", "", text)) + "\ntrain { sgd 0.01 momentum 0.9; batch 2; steps 1 }\n"
        done = netc(write(folder, "guard_" + name + ".net", text), "--train", "--guard", "--quiet", "--dry-run", "--check-memory")
        check(f"--guard on {name}", done.returncode == 0 and '"difference":0' in done.stdout, done)


with tempfile.TemporaryDirectory() as scratch:
    for part in (estimates, messages, training, packings, guards): part(scratch)
print(f"{checks - len(failures)} passed, {len(failures)} failed")
sys.exit(1 if failures else 0)
