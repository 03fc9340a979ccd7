#!/usr/bin/env python3
"""No CUDA kernel of ours spills: compiles runtime/cuda/*.cu for each architecture and reads what ptxas says of every kernel's registers and stack.

  spills.py SOURCE_DIR [ARCHITECTURE...]     default: 90; exit status 77 (skipped) where there is no nvcc"""
import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

CUDA = os.path.join(os.path.abspath(sys.argv[1]), "runtime/cuda")
ARCHITECTURES = sys.argv[2:] or ["90"]
NVCC = shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc"
# A kernel that calls a routine of CUDA's (a division in double) has 8 bytes of stack for the call; an array that did not fit in registers has more.
CALL_STACK = 8
# 64 values in the 32 registers that two blocks of 1024 threads leave.
SPILLING = """__global__ void __launch_bounds__(1024, 2) spilling(float* x) {
  float v[64];
  for (int i = 0; i < 64; ++i) v[i] = x[i * 1024 + threadIdx.x];
  for (int round = 0; round < 9; ++round) for (int i = 0; i < 64; ++i) v[i] = v[i] * v[(i + 7) % 64] + v[(i + 1) % 64];
  for (int i = 0; i < 64; ++i) x[i * 1024 + threadIdx.x] = v[i];
}
"""


def report(source, architecture, folder):
    """[(function, bytes of stack, bytes spilled)] of a source's kernels and of what they call."""
    cubin = os.path.join(folder, f"{os.path.basename(source)}.{architecture}.cubin")
    done = subprocess.run([NVCC, "-std=c++17", "-O3", f"-arch=sm_{architecture}", "-cubin", "-Xptxas", "-v", source, "-o", cubin], capture_output=True, text=True)
    if done.returncode != 0: raise RuntimeError(f"{source} for sm_{architecture}:\n{done.stderr[-3000:]}")
    sizes = re.findall(r"Function properties for (\w+)\s+(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", done.stderr)
    silent = set(re.findall(r"Compiling entry function '(\w+)'", done.stderr)) - {name for name, *_ in sizes}
    if silent: raise RuntimeError(f"{source}: ptxas says nothing of {silent}")
    return [(name, int(stack), int(stores) + int(loads)) for name, stack, stores, loads in sizes]


def control(folder):
    """Whether a kernel that must spill is seen to."""
    source = os.path.join(folder, "control.cu")
    with open(source, "w") as file: file.write(SPILLING)
    return any(spilled for _, _, spilled in report(source, ARCHITECTURES[0], folder))


def plain(name):
    """The part of a mangled name that people know: file, kernel, and the rest as it is."""
    return re.sub(r"^_ZN5netrt(\d+_GLOBAL__N__\w{8}_\d+_(\w+?)_cu_\w{8}\w{0,2}?(?=\d))?\d*", r"\2 ", name)


def main():
    if not os.path.exists(NVCC):
        print("skipped: no nvcc on this machine")
        return 77
    sources = sorted(glob.glob(CUDA + "/*.cu"))
    wrong, count = [], 0
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(2) as pool:
        if not control(folder): wrong.append("no spill seen where there must be one")
        jobs = [(source, architecture) for architecture in ARCHITECTURES for source in sources]
        for (source, architecture), kernels in zip(jobs, pool.map(lambda job: report(*job, folder), jobs)):
            count += len(kernels)
            for name, stack, spilled in kernels:
                if spilled or stack > CALL_STACK:
                    wrong.append(f"sm_{architecture} {os.path.basename(source)} {plain(name)}: {spilled} bytes spilled, {stack} of stack")
    print("\n".join(wrong))
    print(f"{count} kernels of {len(sources)} files for {len(ARCHITECTURES)} architectures, {len(wrong)} complaints")
    return 1 if wrong or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
