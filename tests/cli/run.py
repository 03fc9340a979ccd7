#!/usr/bin/env python3
"""netc's command line as a user meets it: flags in any order, exit statuses, what is written and what is not.

  run.py NETC SOURCE_DIR"""
import collections
import json
import math
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from reduced import reduced

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
    check("the verdict is the first and the last line", lines[0] == lines[-1] and "65.07 MiB" in lines[0], a)
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
    calls = [call for layer in data["layers"] for call in layer["scratch"]]
    granted = sorted(call["granted"] for call in calls)
    check("workspace, least and granted", all(0 <= call["minimum"] <= call["granted"] for call in calls) and "workspace granted   at least" in a.stdout
          and data["totals"]["scratch"] == {"calls": len(calls), "minimum": max(call["minimum"] for call in calls), "least": granted[0], "median": granted[len(granted) // 2]})
    rules = netc(SIMPLE, "--rules")
    check("rules of thumb beside the answer", "torchinfo" in rules.stdout and rules.returncode == 0, rules)
    timed, reference = netc(SIMPLE, "--time", "--gpu", "p100"), netc(SIMPLE, "--time")
    check("the time by layer, on a card", timed.returncode == 0 and "a lower bound by the roofline model, not a measurement" in timed.stdout
          and "on a Tesla P100 PCIe 16GB" in timed.stdout and "samples/s" in timed.stdout and "on a GeForce RTX 3060 12GB" in reference.stdout, timed)
    time = json.loads(netc(SIMPLE, "--time", "--gpu", "p100", "--json").stdout)
    parts = [layer["time"][phase] for layer in time["layers"] for phase in ("forward", "backward")]
    check("the time as JSON", time["time"]["card"] == "p100" and math.isclose(time["time"]["flops_per_second"], 0.65 * 9.3e12)
          and math.isclose(sum(part["seconds"] for part in parts), time["time"]["seconds"], rel_tol=1e-9)
          and sum(part["bytes"] for part in parts) == time["time"]["forward"]["bytes"] + time["time"]["backward"]["bytes"])
    check("no time unless asked", "time" not in data and "time" not in data["layers"][1] and "roofline" not in a.stdout)
    check("an inference's time is that of its forward pass", json.loads(netc(SIMPLE, "--time", "--json", "--inference").stdout)["time"]["backward"]["flops"] == 0)
    cpu = netc(SIMPLE, "--time", "--target", "cpu")
    check("no time of a CPU", cpu.returncode == 1 and "--time" in cpu.stderr, cpu)
    check("the list of cards", netc("--gpus").stdout.count("\n") >= 40)
    path = write(folder, "let.net", "let C=8\ninput 8x8x3\nconv C 3x3 pad; fc 10\nloss softmax\n")
    check("--set", json.loads(netc(path, "--json", "--set", "C=16").stdout)["layers"][1]["output"] == [8, 8, 16])


def options(folder):
    net = write(folder, "options.net", "input 8x8x1\nfc 2\nloss softmax\ntrain { sgd 0.1; batch 2; steps 1 }\n")
    unknown = netc(net, "--estimat")
    check("an unknown option, with the nearest", unknown.returncode == 1 and "unknown option --estimat; did you mean `--estimate`?" in unknown.stderr, unknown)
    check("two networks", netc(net, net).returncode == 1)
    for words, owner in ((["--epochs", "3"], "--train"), (["--rules", "--train"], "--estimate"), (["--time", "--train"], "--estimate"), (["-o", "x"], "--emit-cuda"), (["--train", "--memory", "1GiB"], "--estimate")):
        stray = netc(net, *words)
        check(f"{words[0]} without its action", stray.returncode == 1 and f"belongs to {owner}" in stray.stderr, stray)


def largest(folder):
    def room(*args): return json.loads(netc(*args, "--json").stdout)

    def device(*args): return json.loads(netc(*args, "--json").stdout)["totals"]["device"]
    for target in ("cuda", "cpu"):
        found = room(SIMPLE, "--largest-batch", "--memory", "400MiB", "--target", target)
        best, after = found["largest"], found["next"]
        check(f"the largest batch on {target}, and the next", best["fits"] and not after["fits"] and after["batch"] == best["batch"] + 1
              and best["device"] <= found["memory"] < after["device"] and found["micro_steps"] == 1)
        for one in (best, after):
            check("its bytes are the estimate's", device(SIMPLE, "--target", target, "--batch", str(one["batch"])) == one["device"])
        check("the verdict says the same", room(SIMPLE, "--memory", "400MiB", "--target", target)["verdict"]["largest_batch"] == best["batch"])
    exact = str(device(SIMPLE, "--batch", "70"))
    check("room to the byte", room(SIMPLE, "--largest-batch", "--memory", exact)["largest"]["batch"] == 70)
    check("and a byte less", room(SIMPLE, "--largest-batch", "--memory", str(int(exact) - 1))["largest"]["batch"] == 69)
    micro = write(folder, "micro.net", re.sub("batch 64", "batch 4x16", open(SIMPLE).read()))
    text = netc(micro, "--largest-batch", "--gpu", "rtx3060")
    check("micro-steps", text.returncode == 0 and re.search(r"batch 4x\d+ .* fits, .*\n  batch 4x\d+ .* does not fit", text.stdout) and "usable of a GeForce RTX 3060" in text.stdout, text)
    none = netc(SIMPLE, "--largest-batch", "--memory", "300MiB")
    check("not even batch 1", none.returncode == 3 and "not even with the smallest batch" in none.stdout, none)

    def size(net, side): return re.sub(r"^input \d+x\d+", f"input {side}x{side}", open(net).read(), flags=re.M)
    found = room(SIMPLE, "--largest-input", "--memory", "1GiB")
    side = found["largest"]["input"][0]
    check("the largest input, and the next", found["largest"]["input"] == [side, side, 3] and found["next"]["input"] == [side + 1, side + 1, 3] and side > 50)
    for one in (found["largest"], found["next"]):
        other = write(folder, "side.net", size(SIMPLE, one["input"][0]))
        check("the bytes of an input are the estimate's", device(other) == one["device"] and (one["device"] <= 1 << 30) == one["fits"])
    unet = os.path.join(SOURCE, "examples/unet/unet.net")
    text = netc(unet, "--largest-input", "--memory", "2GiB")
    sides = [int(x) for x in re.findall(r"^  input (\d+)x\1x3", text.stdout, re.M)]
    check("sides of a U-Net are multiples of 16, the others passed over", text.returncode == 0 and len(sides) == 2 and sides[1] == sides[0] + 16 and sides[0] % 16 == 0
          and "passed over 15 sizes" in text.stdout and "`concat` branches differ" in text.stdout, text)
    wide = write(folder, "wide.net", "input 32x48x3\nconv 8 3x3 pad; relu; fc 10\nloss softmax\ntrain { sgd 0.1; batch 4; steps 1 }\n")
    height, width, _ = room(wide, "--largest-input", "--memory", "64MiB", "--target", "cpu")["largest"]["input"]
    check("height and width keep their ratio", abs(height - width * 2 / 3) <= 0.5 and width > 48)
    gpt = os.path.join(SOURCE, "examples/tiny_gpt/tiny_gpt.net")
    found = room(gpt, "--largest-input", "--memory", "2GiB")
    check("the length of a sequence", len(found["largest"]["input"]) == 1 and found["next"]["input"][0] == found["largest"]["input"][0] + 1
          and device(gpt, "--set", f"T={found['largest']['input'][0]}") == found["largest"]["device"])
    fixed = write(folder, "fixed.net", "input 16 tokens 50\nembed 50 8; position 16; norm; fc 50\nloss softmax\ntrain { adam 1e-3; batch 4; steps 1 }\n")
    text = netc(fixed, "--largest-input", "--memory", "1GiB")
    check("what fixes the size is said", text.returncode == 0 and "is 16 tokens" in text.stdout and "`position` has 16 positions" in text.stdout, text)
    flat = netc(write(folder, "flat.net", "input 784\nfc 10\nloss softmax\n"), "--largest-input", "--memory", "1GiB")
    check("an input without sides", flat.returncode == 1 and "neither height and width nor a length" in flat.stderr, flat)
    check("the smallest input does not fit", netc(unet, "--largest-input", "--memory", "1KiB", "--target", "cpu").returncode == 3)
    for action in ("--largest-batch", "--largest-input"):
        for words, part in (([], "wants --memory SIZE or --gpu ID"), (["--memory", "much"], "not a size"), (["--gpu", "rtx3061"], "did you mean"),
                            (["--memory", "1GiB", "--train"], "one action"), (["--memory", "1GiB", "--rules"], "--rules belongs to")):
            done = netc(SIMPLE, action, *words)
            check(f"{action} {' '.join(words)}", done.returncode == 1 and part in done.stderr, done)
    check("--batch beside --largest-batch", netc(SIMPLE, "--largest-batch", "--memory", "1GiB", "--batch", "3").returncode == 1)
    for action in (["--largest-batch", "--memory", "1GiB"], ["--largest-input", "--memory", "1GiB"], ["--why"]):
        check(f"no progress of {action[0]} off a terminal", "\r" not in netc(SIMPLE, *action).stderr)
        terminal, end = pty.openpty()
        done = subprocess.run([NETC, SIMPLE, *action], stdout=subprocess.PIPE, stderr=end, text=True)
        os.close(end)
        shown = os.read(terminal, 1 << 20)
        os.close(terminal)
        check(f"progress of {action[0]} on one", done.returncode == 0 and b" ..." in shown and b"\r" in shown and shown.endswith(b"\r\x1b[K") and "\r" not in done.stdout)


def whys(folder):
    done = netc(SIMPLE, "--why")
    check("--why", done.returncode == 0 and "while the weight gradient of fc1 is made" in done.stdout and "fc1.w.momentum" in done.stdout, done)
    data = json.loads(netc(SIMPLE, "--why", "--json").stdout)
    totals = json.loads(netc(SIMPLE, "--json").stdout)["totals"]
    check("what is alive is the bound", sum(alive["bytes"] for alive in data["alive"]) == data["peak"]["bytes"] == totals["lower_bound"] and data["arena"] == totals["arena"])
    saved = [change["saved"] for change in data["changes"]]
    check("changes, the best first", saved == sorted(saved, reverse=True) and len(saved) >= 2 and all(c["saved"] == data["arena"] - c["arena"] > 0 for c in data["changes"]))
    # Weights are most of simple_cnn: half the batch does not lower its arena. Where activations are, there are three changes at least.
    several = json.loads(netc(os.path.join(os.path.dirname(os.path.dirname(SIMPLE)), "resnet18", "resnet18.net"), "--why", "--json").stdout)["changes"]
    check("three changes where activations weigh", len({change["kind"] for change in several}) == len(several) >= 3 and all(change["saved"] > 0 for change in several), several)
    plain = write(folder, "plain_sgd.net", open(SIMPLE).read().replace(" momentum 0.9", ""))
    sgd = next(c for c in data["changes"] if c["kind"] == "optimizer")
    check("a change has the bytes of the changed file", json.loads(netc(plain, "--json").stdout)["totals"]["arena"] == sgd["arena"])
    cpu = json.loads(netc(SIMPLE, "--why", "--json", "--target", "cpu", "--batch", "5", "--inference").stdout)
    check("--why with the estimate's options", cpu["target"] == "cpu" and cpu["batch"] == 5 and not cpu["training"] and cpu["peak"]["in"] == "evaluation"
          and cpu["arena"] == json.loads(netc(SIMPLE, "--json", "--target", "cpu", "--batch", "5", "--inference").stdout)["totals"]["arena"])
    for name in sorted(os.listdir(os.path.join(SOURCE, "examples"))):
        done = netc(os.path.join(SOURCE, "examples", name, name + ".net"), "--why", "--json")
        data = json.loads(done.stdout)
        check(f"--why of {name}", done.returncode == 0 and data["changes"] and sum(a["bytes"] for a in data["alive"]) == data["peak"]["bytes"], done)
    check("--why with --memory", "belongs to" in netc(SIMPLE, "--why", "--memory", "1GiB").stderr)
    check("--why of a wrong file", netc(write(folder, "whybad.net", "input 8x8x3\nconb 4\n"), "--why").returncode == 1)


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
    drawn = netc(write(folder, "drawn.net", "input 8x8x1\nfc 10\nloss softmax\ntrain { sgd 0.1; batch 4; steps 1 }\n"), "--train", "--data", "nowhere")
    check("--data for a network that draws its own", drawn.returncode == 1 and "name a reader" in drawn.stderr, drawn)
    check("data that is not there", gone.returncode == 1 and "nowhere" in gone.stderr, gone)


def tokens(folder):
    head = "let T=16 V=256\ninput T tokens V from {}\nemb: embed V 32; position T\n2 * {{ add {{}} {{ norm; attn 2 causal }}; add {{}} {{ norm; fc 64; gelu; fc 32 }} }}\n"
    tail = "norm; fc V tie emb nobias\nloss softmax\ninit normal 0.02\ntrain {{ adamw 5e-3 clip 1; batch 8; {} }}\n"
    words = "the cat sat on the mat and the dog sat on the cat\n" * 200
    write(folder, "words.txt", words)
    net = write(folder, "words.net", (head + tail).format('bytes "words.txt"', "steps 120"))
    weights = folder + "/words.safetensors"
    done = netc(net, "--train", "--sample", "60", "--prompt", "the ", "--save", weights)
    entropy = float(re.search(r"unigram entropy ([0-9.]+) nats", done.stdout).group(1))
    found = re.search(r"test loss ([0-9.]+): perplexity ([0-9.]+), ([0-9.]+) bits a token", done.stdout)
    loss, perplexity, bits = (float(x) for x in found.groups())
    count = collections.Counter(words[: len(words) * 9 // 10])
    total = sum(count.values())
    true = -sum(n / total * math.log(n / total) for n in count.values())
    check("tokens: the unigram entropy is the text's", abs(entropy - true) < 0.01, done)
    check("tokens: trained well below it", loss < entropy / 2, done)
    check("tokens: perplexity and bits", abs(perplexity - math.exp(loss)) < 1e-3 * perplexity and abs(bits - loss / math.log(2)) < 1e-3 * bits, done)
    check("tokens a second", "tokens/s" in done.stdout and "images" not in done.stdout, done)
    sample = done.stdout[done.stdout.index("\nthe ") + 1:]
    check("the sample goes on from the prompt", len(re.sub(r"\\x..", "?", sample)) == 4 + 60 + 1, done)
    only = [netc(net, "--train", "--load", weights, flag, "0", "--sample", "60", "--prompt", "the ") for flag in ("--steps", "--epochs")]
    check("sampling alone prints the same", all(o.returncode == 0 and o.stdout == sample for o in only), only[0])
    check("another seed of a net that is not loaded, another sample", netc(net, "--train", "--steps", "0", "--sample", "60", "--seed", "2").stdout
          != netc(net, "--train", "--steps", "0", "--sample", "60", "--seed", "3").stdout)
    best = netc(net, "--train", "--load", weights, "--steps", "0", "--sample", "30", "--temperature", "0", "--prompt", "the dog sat on t")
    check("the likeliest tokens are words of the text", best.stdout.startswith("the dog sat on the ") and best.returncode == 0, best)
    whole = netc(net, "--train", "--load", weights, "--steps", "0")
    check("evaluation alone", whole.returncode == 0 and f"test loss {found.group(1)}" in whole.stdout and "trained" not in whole.stdout, whole)
    part = folder + "/part.safetensors"
    all_steps, first = netc(net, "--train", "--log-steps"), netc(net, "--train", "--log-steps", "--steps", "85", "--save", part)
    rest = netc(net, "--train", "--log-steps", "--load", part)
    check("a token run goes on bit for bit", len(strip(all_steps.stdout)) == 120 and strip(first.stdout) + strip(rest.stdout) == strip(all_steps.stdout), rest)
    ids = write(folder, "ids.bin", struct.pack("<4000H", *(i * i % 250 for i in range(4000))), "wb")
    other = netc(net, "--train", "--data", ids, "--steps", "2", "--sample", "5")
    check("--data with ids", other.returncode == 0 and len(other.stdout.splitlines()[-1].split()) == 5, other)
    assumed = netc(write(folder, "assumed.net", re.sub(r" from bytes .*", "", open(net).read())), "--train", "--steps", "2", "--sample", "5")
    check("arithmetic is assumed", assumed.returncode == 0 and "N0808" in assumed.stderr and "10000 training and 2000 test sequences of 16" in assumed.stdout, assumed)
    inputs = write(folder, "both.net", open(net).read().replace(" causal", ""))
    both = netc(inputs, "--train", "--steps", "1", "--sample", "5")
    check("no sample without causality", both.returncode == 1 and "causal" in both.stderr, both)
    classes = "input 24 tokens 17\nembed 17 16; position 24; cls\n{} {{ norm; attn 2 }} {{ }}\nnorm; first; fc 3\nloss softmax\ntrain {{ adam 1e-2; batch 32; steps 150 }}\n"
    encoder = netc(write(folder, "encoder.net", classes.format("add")), "--train", "--quiet", "--log", folder + "/encoder.csv")
    rows = open(folder + "/encoder.csv").read().splitlines()
    check("an encoder learns the class of a line", encoder.returncode == 0 and rows[0].endswith("tokens_per_second") and float(rows[-1].split(",")[5]) > 0.6, encoder)
    sampled = netc(folder + "/encoder.net", "--train", "--steps", "1", "--sample", "5")
    check("no sample of a classifier", sampled.returncode == 1 and "next token" in sampled.stderr, sampled)
    rows = netc(write(folder, "rows.net", "input 20x24\nfc 16; relu; flatten; fc 10\nloss softmax\ntrain { sgd 0.05; batch 16; steps 60 }\n"), "--train")
    check("sequences of numbers", rows.returncode == 0, rows)
    estimate = netc(net)
    check("the estimate names sequences", re.search(r"fixed \+ [0-9,]+ per sequence of 16 tokens", estimate.stdout) is not None, estimate)


def is_python(path):
    """Whether the file parses; PyTorch need not be there."""
    try:
        with open(path) as file: compile(file.read(), path, "exec")
        return True
    except (OSError, SyntaxError, ValueError) as problem:
        print(problem)
        return False


def pytorch(folder):
    for name in sorted(os.listdir(os.path.join(SOURCE, "examples"))):
        path = os.path.join(folder, name + ".py")
        done = netc(os.path.join(SOURCE, "examples", name, name + ".net"), "--emit-pytorch", "-o", path)
        check(f"--emit-pytorch of {name}", done.returncode == 0 and is_python(path), done)
    home = os.path.join(folder, "home")
    os.makedirs(home)
    done = netc(SIMPLE, "--emit-pytorch", cwd=home)
    path = os.path.join(home, "simple_cnn.py")
    text = open(path).read()
    check("the file is called after the network", done.returncode == 0 and os.listdir(home) == ["simple_cnn.py"] and "wrote simple_cnn.py" in done.stdout, done)
    check("the same again", netc(SIMPLE, "--emit-pytorch", cwd=home).returncode == 0 and open(path).read() == text)
    write(home, "simple_cnn.py", text.replace("nn.Conv2d(3", "nn.Conv2d(4"))
    edited = netc(SIMPLE, "--emit-pytorch", cwd=home)
    check("an edited file is not overwritten", edited.returncode == 1 and "edited" in edited.stderr and open(path).read() != text, edited)
    check("but with --force", netc(SIMPLE, "--emit-pytorch", "--force", cwd=home).returncode == 0 and "nn.Conv2d(4" not in open(path).read())
    write(home, "simple_cnn.py", "print('mine')\n")
    foreign = netc(SIMPLE, "--emit-pytorch", "--force", cwd=home)
    check("a file that netc did not write is left alone", foreign.returncode == 1 and "not written by netc" in foreign.stderr and open(path).read() == "print('mine')\n", foreign)
    check("nor is a folder replaced", netc(SIMPLE, "--emit-pytorch", "-o", home).returncode == 1 and os.path.isdir(home))
    check("a folder that is not there", netc(SIMPLE, "--emit-pytorch", "-o", home + "/none/a.py").returncode == 1)
    check("no file is left behind", os.listdir(home) == ["simple_cnn.py"], None)
    bad = netc(write(folder, "badtorch.net", "input 8x8x3\nconb 4 3x3\n"), "--emit-pytorch", "-o", home + "/bad.py")
    check("no file after an error", bad.returncode == 1 and not os.path.exists(home + "/bad.py"), bad)
    plain = netc(write(folder, "plain.net", "net torch\ninput 8x8x3\nconv 4 3x3; relu; fc 4; relu\n"), "--emit-pytorch", cwd=home)
    text = open(home + "/torch_net.py").read()
    check("without a loss, and not in the way of an import", plain.returncode == 0 and is_python(home + "/torch_net.py") and "def train_step" not in text, plain)
    check("the last activation is returned", "return F.relu(x)" in text)
    odd = netc(write(folder, 'a"""\\\n import os #\u00e9.net', "input 8x8x3\nfc 4 # \u00e9\nloss softmax\n"), "--emit-pytorch", "-o", home + "/odd.py")
    check("a file's name is not Python", odd.returncode == 0 and is_python(home + "/odd.py") and "\n import os" not in open(home + "/odd.py").read(), odd)


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


def like_pytorch(folder):
    bill = netc(SIMPLE, "--like", "pytorch")
    lines = bill.stdout.strip().splitlines()
    check("PyTorch's bill", bill.returncode == 0 and lines[0] == lines[-1] and "max_memory_reserved" in bill.stdout and "an int64 index of each maximum" in bill.stdout, bill)
    data = json.loads(netc(SIMPLE, "--like", "pytorch", "--json").stdout)
    sums = [sum(line[side] for line in data["lines"]) for side in ("pytorch", "netc", "difference")]
    check("its lines add up", sums == [data["tensors"], data["arena"], data["tensors"] - data["arena"]])
    check("the arena is the estimate's", data["arena"] == json.loads(netc(SIMPLE, "--json").stdout)["totals"]["arena"])
    check("the process is reserved and library", data["process"] == data["max_memory_reserved"] + data["library"] and data["fits"] is None)
    check("a larger batch takes more", json.loads(netc(SIMPLE, "--like", "pytorch", "--json", "--batch", "128").stdout)["tensors"] > data["tensors"])
    hopper = json.loads(netc(SIMPLE, "--like", "pytorch", "--json", "--gpu", "h100").stdout)
    check("cuBLAS's workspaces by card", hopper["tensors"] - data["tensors"] == 2 * ((32 << 20) - 8519680) and hopper["fits"] is True)
    tight = netc(SIMPLE, "--like", "pytorch", "--memory", "400MiB")
    check("what fits nowhere exits with 3 and says where memory ends", tight.returncode == 3 and "out of memory in the " in tight.stdout, tight)
    roomy = netc(SIMPLE, "--like", "pytorch", "--memory", "1GiB")
    check("what fits", roomy.returncode == 0 and "fits in 1.00 GiB" in roomy.stdout, roomy)
    for words, said in ((["--like", "jax"], "jax"), (["--like", "pytorch", "--inference"], "--inference"), (["--like", "pytorch", "--rules"], "--rules"),
                        (["--like", "pytorch", "--target", "cpu"], "--target cuda"), (["--like", "pytorch", "--train"], "belongs to --estimate")):
        wrong = netc(SIMPLE, *words)
        check(f"{' '.join(words)} is refused", wrong.returncode == 1 and said in wrong.stderr and not wrong.stdout, wrong)
    lossless = write(folder, "lossless.net", "input 8x8x3\nfc 10\n")
    check("PyTorch's bill wants a loss", netc(lossless, "--like", "pytorch").returncode == 1)


def fits(folder):
    text = "input 32x32x3\n4 * { conv 16 3x3 pad; bn; relu }\nfc 10\nloss softmax\ntrain { sgd 0.1; batch 64RECOMPUTE }\n"
    net = write(folder, "fit.net", text.replace("RECOMPUTE", ""))
    data = json.loads(netc(net, "--fit", "64GiB", "--json").stdout)
    plain, least, library = data["plain"]["arena"], data["least"]["arena"], data["library"]
    budget = (plain + 2 * least) // 3 + library
    check("--fit in ample memory costs nothing", data["fits"] is True and data["chosen"]["made_again"] == 0 and data["chosen"]["more_time"] == 0 and data["at_least"] == 0)
    done = netc(net, "--fit", str(budget))
    check("--fit alone", done.returncode == 0 and done.stdout.startswith("fit: training fits in ") and "price list" in done.stdout and "made again" in done.stdout
          and "  proof  " in done.stdout, done)
    found = json.loads(netc("--fit", str(budget), net, "--json").stdout)
    offer = {"micro_steps", "batch", "arena", "seconds", "more_time", "flops", "more_flops", "made_again", "slices"}
    check("JSON keys of --fit", {"network", "memory", "library", "gpu", "fits", "plain", "chosen", "own", "at_least", "least", "splitting_changes_results", "prices", "splits"} <= set(found)
          and all(offer <= set(each) for each in (found["plain"], found["chosen"], found["own"], found["least"], *found["prices"], *found["splits"])))
    check("--fit's choice is in its memory, and no cheaper than the bound", found["fits"] and found["memory"] == budget and found["chosen"]["arena"] <= budget - library
          and found["chosen"]["made_again"] > 0 and found["chosen"]["more_time"] >= found["at_least"] >= 0 and found["splitting_changes_results"] is True)
    prices = found["prices"]
    check("the price list falls in bytes and rises in time", len(prices) > 2 and prices[0]["arena"] == plain and all(a["arena"] > b["arena"] and a["seconds"] < b["seconds"]
          for a, b in zip(prices, prices[1:])) and all(each["seconds"] >= (1 + each.get("at_least", 0)) * prices[0]["seconds"] * (1 - 1e-9) for each in prices))
    check("the estimate of what --fit chose", json.loads(netc(net, "--fit", str(budget), "--json", "--estimate").stdout)["totals"]["arena"] == found["chosen"]["arena"])
    plan = netc(net, "--fit", str(budget), "--print-after", "plan")
    check("the plan of what --fit chose", plan.returncode == 0 and ".again" in plan.stdout and "fit: batch " in plan.stderr, plan)
    small = netc(net, "--fit", "1MiB")
    check("--fit: what does not fit exits with 3", small.returncode == 3 and f"no way was found to train fit in 1.00 MiB" in small.stdout and "price list" in small.stdout, small)
    check("--fit --train: what does not fit exits with 3", (lambda done: done.returncode == 3 and "no way was found to train" in done.stderr)(netc(net, "--fit", "1MiB", "--train", "--target", "cpu")))
    card = netc("--fit", net, "--gpu", "rtx3060")
    check("--fit on a card", card.returncode == 0 and "of a GeForce RTX 3060 12GB)" in card.stdout and "it costs nothing" in card.stdout, card)
    for arguments, message in ((["--fit", "lots", net], "--fit lots: not a size"), (["--fit", net], "--fit wants a SIZE or --gpu ID"),
                               (["--fit", "1GiB", net, "--memory", "1GiB"], "leave out --memory"), (["--fit", "1GiB", net, "--inference"], "leave out --inference"),
                               (["--fit", "1GiB", net, "--why"], "--fit belongs to"), (["--fit", "1GiB", net, "--largest-batch", "--gpu", "rtx3060"], "--fit belongs to"),
                               (["--fit", net, "--gpu", "rtx3061"], "did you mean")):
        wrong = netc(*arguments)
        check(f"mistake: {' '.join(arguments[:2])} {' '.join(arguments[3:])}", wrong.returncode == 1 and message in wrong.stderr and not wrong.stdout, wrong)
    asked = write(folder, "auto.net", text.replace("RECOMPUTE", "; recompute auto"))
    check("`recompute auto` wants --fit", "N0807" in netc(asked).stderr)
    check("`recompute auto` with --fit", "N0807" not in netc(asked, "--fit", str(budget)).stderr)
    unknown = netc(write(folder, "unknown.net", text.replace("RECOMPUTE", "; recompute stem")))
    check("`recompute` of a label that is not there", unknown.returncode == 1 and "N0412" in unknown.stderr and "there is no label `stem`" in unknown.stderr, unknown)


def strip(text):
    """Without times and rates."""
    return [line for line in text.splitlines() if line.startswith("step ")]


def guards(folder):
    for name in sorted(os.listdir(os.path.join(SOURCE, "examples"))):
        # Thin fully connected layers: the guard compares the whole arena around every call.
        text = re.sub(r"fc 4096", "fc 64", reduced(SOURCE, name, "sgd 0.01 momentum 0.9; batch 2; steps 1", simple_cnn="20x20x3", default="32x32x3"))
        done = netc(write(folder, "guard_" + name + ".net", text), "--train", "--guard", "--quiet", "--dry-run", "--check-memory")
        check(f"--guard on {name}", done.returncode == 0 and '"difference":0' in done.stdout, done)


def allocations(folder):
    """Every example, three optimisers, several batches: what a run allocates is what the estimate says. tests/emitted holds the programs to it."""
    single = {**os.environ, "OMP_NUM_THREADS": "1"}  # scratch on the CPU depends on the number of threads

    def one(case):
        name, optimizer, batch = case
        net = write(folder, f"{name}_{optimizer.split()[0]}{len(optimizer)}_{batch}.net", reduced(SOURCE, name, f"{optimizer}; batch {batch}; steps 1", default="32x32x3"))
        estimate = json.loads(netc(net, "--json", "--target", "cpu", env=single).stdout)["totals"]["arena"]
        done = netc(net, "--train", "--quiet", "--dry-run", "--check-memory", env=single)
        memory = json.loads(next((line for line in done.stdout.splitlines() if line.startswith("{")), "{}"))
        return f"{name}, {optimizer}, batch {batch}", memory.get("planned") == memory.get("allocated") == estimate and memory["difference"] == 0, done
    names = sorted(os.listdir(os.path.join(SOURCE, "examples")))
    cases = [(name, optimizer, batch) for name in names for optimizer in ("sgd 0.01", "sgd 0.01 momentum 0.9", "adam 1e-3") for batch in (1, 3)]
    with ThreadPoolExecutor(2) as pool:
        for what, good, done in pool.map(one, cases): check("allocated is estimated: " + what, good, done)


with tempfile.TemporaryDirectory() as scratch:
    for part in (options, estimates, largest, whys, messages, training, tokens, pytorch, like_pytorch, packings, fits, guards, allocations): part(scratch)
print(f"{checks - len(failures)} passed, {len(failures)} failed")
sys.exit(1 if failures else 0)
