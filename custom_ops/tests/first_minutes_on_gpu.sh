#!/usr/bin/env bash
# The first ten minutes on a GPU: everything that the emulation cannot tell of the CUDA kernels, what costs least first.
# Prints what it does and a summary, and ends at the first fault, with 1.
#
#     custom_ops/tests/first_minutes_on_gpu.sh                  all steps
#     custom_ops/tests/first_minutes_on_gpu.sh compile          only this step: it needs nvcc, and no GPU
#     custom_ops/tests/first_minutes_on_gpu.sh check sanitize   these steps, with the library that `compile` left
#
#     compile    nvcc; no kernel spills registers. How many a kernel has, its __launch_bounds__ say
#     check      against PyTorch in float64, and every result twice, bit for bit (check_cuda.py)
#     time       beside PyTorch, and beside what the GPU's memory and arithmetic allow at best
#     sanitize   compute-sanitizer: accesses out of bounds, races in shared memory, barriers that not all threads reach
#     profile    ncu: the share of accesses to shared memory that wait for a bank, at most a third
#     op         `tfnxc build-ops --cuda`, and the tests of the operations on it; needs a TensorFlow with the GPU
#
# Variables: ARCH (default: of the GPU here, or else sm_90), PYTHON (with PyTorch; default python3), TFNXC_PYTHON (with
# tfnxc and its tests; default PYTHON), BUILD (where results go; default build, beside this script).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
PYTHON=${PYTHON:-python3}
TFNXC_PYTHON=${TFNXC_PYTHON:-$PYTHON}
BUILD=$(realpath -m "${BUILD:-build}")
capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2> /dev/null | head -1 | tr -d .) || true
ARCH=${ARCH:-sm_${capability:-90}}
LIBRARY=$BUILD/libtfnxc_cuda_$ARCH.so
summary=()

fault() {
    [ ${#summary[@]} -eq 0 ] || printf '  %s\n' "${summary[@]}" >&2
    printf 'FAULT: %s\n' "$*" >&2
    exit 1
}

# Runs a command, its output to a file, of which the end is shown if it fails.
logged() {
    local log=$BUILD/$1
    shift
    printf '+ %s > %s\n' "$*" "$log"
    "$@" > "$log" 2>&1 || {
        tail -40 "$log" >&2
        fault "$1 failed: see $log"
    }
}

shown() {
    printf '+ %s\n' "$*"
    "$@" || fault "$1 failed"
}

compile() {
    logged ptxas.txt nvcc -std=c++17 -O3 -arch="$ARCH" -shared -Xcompiler=-fPIC,-Wall -Xptxas=-v -I.. -I../include \
        ../cuda/norm_xcorr.cu ../cuda/c_api.cu ../find_error.cc -o "$LIBRARY"
    local kernels most
    kernels=$(grep -c 'Used [0-9]* registers' "$BUILD/ptxas.txt") || fault "nvcc told no registers: see $BUILD/ptxas.txt"
    awk '/Function properties for/ { kernel = $NF }
         /bytes spill/ && !/ 0 bytes spill stores/ { print kernel ":" $0; spilled = 1 }
         END { exit spilled }' "$BUILD/ptxas.txt" >&2 || fault "a kernel spills registers"
    most=$(grep -o 'Used [0-9]* registers' "$BUILD/ptxas.txt" | sort -k 2 -n | tail -1)
    summary+=("compile: $kernels kernels for $ARCH, none spills; ${most,} at most")
}

check() {
    shown "$PYTHON" check_cuda.py --library "$LIBRARY" --no-times
    summary+=("check: all results are right, and the same twice")
}

time_kernels() {
    shown "$PYTHON" check_cuda.py --library "$LIBRARY" --no-checks --batch 1 32 256 --json "$BUILD/times.json"
    summary+=("time: $BUILD/times.json")
}

sanitize() {
    # Without PyTorch's own cache of memory, so that every array has its own bounds.
    export PYTORCH_NO_CUDA_MEMORY_CACHING=1
    for tool in memcheck racecheck synccheck; do
        logged "$tool.txt" compute-sanitizer --tool "$tool" --error-exitcode 1 \
            "$PYTHON" check_cuda.py --library "$LIBRARY" --no-times --small
    done
    unset PYTORCH_NO_CUDA_MEMORY_CACHING
    summary+=("sanitize: memcheck, racecheck and synccheck found nothing")
}

profile() {
    local waits=l1tex__data_bank_conflicts_pipe_lsu_mem_shared.sum all=l1tex__data_pipe_lsu_wavefronts_mem_shared.sum
    logged profile.txt ncu --metrics "$waits,$all" --csv --print-kernel-base demangled --log-file "$BUILD/profile.csv" \
        "$PYTHON" check_cuda.py --library "$LIBRARY" --no-checks --batch 32 --runs 1
    "$PYTHON" - "$BUILD/profile.csv" "$waits" "$all" << 'PYTHON' || fault "too many accesses wait for a bank"
import collections, csv, sys

path, waits, all_accesses = sys.argv[1:]
counts = collections.defaultdict(collections.Counter)
for row in csv.DictReader(line for line in open(path) if line.startswith('"')):
    if "tfnxc" in row["Kernel Name"]:
        counts[row["Kernel Name"].split("(")[0]][row["Metric Name"]] += float(row["Metric Value"].replace(",", ""))
shares = {name: count[waits] / max(1, count[all_accesses]) for name, count in counts.items()}
for name, share in sorted(shares.items(), key=lambda item: -item[1]):
    print(f"{share:6.1%}  {name}")
sys.exit(not shares or max(shares.values()) > 1 / 3)
PYTHON
    summary+=("profile: $BUILD/profile.csv")
}

op() {
    shown "$TFNXC_PYTHON" -m tfnxc build-ops --cuda
    shown "$TFNXC_PYTHON" -m tfnxc info
    export TFNXC_OPS=native
    shown "$TFNXC_PYTHON" -m pytest -q ../../tests/ops ../../tests/layers
    summary+=("op: built for TensorFlow, and its tests passed")
}

mkdir -p "$BUILD"
[ $# -gt 0 ] || set -- compile check time sanitize profile op
for step in "$@"; do
    printf '== %s\n' "$step"
    case $step in
        compile | check | sanitize | profile | op) "$step" ;;
        time) time_kernels ;;
        *) fault "there is no step $step" ;;
    esac
done
printf 'no fault:\n'
printf '  %s\n' "${summary[@]}"
