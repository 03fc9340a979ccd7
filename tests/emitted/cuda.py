#!/usr/bin/env python3
"""The emitted CUDA program without a GPU: it compiles and links by its own build file, and what it asks of cudaMalloc is one block of
the estimate's bytes, for several networks and optimisers, under a shim of the CUDA run time (cuda_shim.c).

  cuda.py NETC SOURCE_DIR [ARCHITECTURES]     exit status 77 (skipped) where there is no nvcc or no cuDNN"""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

NETC, SOURCE = (os.path.abspath(p) for p in sys.argv[1:3])
ARCHITECTURES = sys.argv[3] if len(sys.argv) > 3 else "90"
PICTURES = """input 16x16x3
conv 8 3x3 pad; bn; relu; pool 2x2/2
def res c { add { conv c 3x3 pad; bn; relu; conv c 3x3 pad } {}; relu }
res 8
depthwise 3x3 pad; silu; up 6 2x2/2; concat {} {}; avgpool; drop 0.5; fc 10
"""
PATCHES = """input 16x16x3
conv 24 4x4/4; groupnorm 3; tokens; cls; position 20
add {} { norm; attn 4 }; lstm 8 bidirectional; first; fc 10
"""
TOKENS = """input 12 tokens 40
emb: embed 40 24
2 * { add {} { rmsnorm; attn 4 kv 2 causal rope drop 0.1 }; add {} { rmsnorm; mul { fc 32; silu } { fc 32 }; fc 24 } }
gru 24; fc 40 tie emb
"""
CASES = {"plain_1": (PICTURES, "sgd 0.1; batch 4"), "momentum_1": (PICTURES, "sgd 0.1 momentum 0.9; batch 7"),
         "adam_1": (PICTURES, "adamw 1e-3 clip 1; batch 2x3"), "patches": (PATCHES, "adamw 1e-3; batch 5"), "tokens": (TOKENS, "adamw 1e-3 clip 1; batch 2x3")}


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0: raise RuntimeError(f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-3000:]}")
    return done.stdout


def main():
    nvcc = shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc"
    if not os.path.exists(nvcc) or not glob.glob("/usr/local/cuda/lib*/libcudnn.so*") + glob.glob("/usr/lib/*/libcudnn.so*"):
        print("skipped: no nvcc or no cuDNN on this machine")
        return 77
    good = 0
    # The folder is another one each time, its files mostly are not.
    launchers = [f"-DCMAKE_{language}_COMPILER_LAUNCHER=ccache" for language in ("CXX", "CUDA") if shutil.which("ccache")]
    with tempfile.TemporaryDirectory() as folder:
        shim = folder + "/shim.so"
        run("gcc", "-shared", "-fPIC", "-w", os.path.join(SOURCE, "tests/emitted/cuda_shim.c"), "-o", shim)
        out = folder + "/out"
        for i, (name, (layers, train)) in enumerate(CASES.items()):
            net = f"{folder}/{name}.net"
            open(net, "w").write(f"net case_1\n{layers}loss softmax\ntrain {{ {train} }}\n")
            estimate = json.loads(run(NETC, net, "--json"))["totals"]["arena"]
            # One folder for all: runtime files that stay the same are not compiled again.
            run(NETC, net, "--emit-cuda", "-o", out)
            if i == 0: run("cmake", "-S", out, "-B", out + "/build", f"-DGPU_ARCHITECTURES={ARCHITECTURES}", f"-DCMAKE_CUDA_COMPILER={nvcc}", *launchers)
            run("cmake", "--build", out + "/build", "-j2", env={**os.environ, "CCACHE_BASEDIR": folder})
            log = f"{folder}/{name}.log"
            printed = run(out + "/build/case_1", "--dry-run", "--check-memory", "--quiet", env={**os.environ, "LD_PRELOAD": shim, "NETC_ALLOCATIONS": log})
            asked = [int(line) for line in open(log)]
            memory = json.loads(next(line for line in printed.splitlines() if line.startswith("{")))
            fine = asked == [estimate] and memory["planned"] == memory["allocated"] == estimate and memory["difference"] == 0
            good += fine
            print(f"{'ok  ' if fine else 'FAIL'} {name}: estimate {estimate}, cudaMalloc {asked}", flush=True)
    print(f"{good} passed, {len(CASES) - good} failed")
    return 0 if good == len(CASES) else 1


if __name__ == "__main__":
    sys.exit(main())
