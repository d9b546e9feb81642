"""Checks the CUDA kernels against PyTorch, and times them.

    python custom_ops/tests/check_cuda.py                   # build with nvcc for the GPU here, check, time
    python custom_ops/tests/check_cuda.py --arch all-major  # the same with a library for every GPU that nvcc knows
    python custom_ops/tests/check_cuda.py --library libtfnxc_cuda.so --json times.json
    python custom_ops/tests/check_cuda.py --emulated        # no GPU: g++ and an emulation on the CPU; checks only

It needs PyTorch, and no TensorFlow. The library is built from the sources beside this file, into a temporary folder or
to the file that --library names; a file that is there already is used as it is, unless --build is given too.

The reference is a second implementation of SPEC section 1: unfold and bmm in float64, with automatic differentiation.
It is given the very numbers that the kernels get, rounded to their type. A difference beyond the tolerance of the type,
relative to the largest number, is printed and makes the exit status 1.

Times are of the paper's problem, 37 x 12 maps of 25 channels, in milliseconds a pair: the median of the runs and, in
brackets, the least and the most, measured with CUDA events after a warm-up. "PyTorch" is the same unfold and bmm in the
type of the column, its gradient that of automatic differentiation, its forward pass not counted. "floor" is the least
time that the GPU could take: to read the inputs and write the results once, at the rate of a copy in its memory that is
measured here, or to do the multiply-adds of float, at its highest clock; whichever is longer. What stays in the GPU's
cache can beat it where batches are small.
"""

import argparse
import ctypes
import functools
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

import torch
from torch.nn import functional

SOURCES = pathlib.Path(__file__).resolve().parents[1]
FILES = [SOURCES / "cuda/norm_xcorr.cu", SOURCES / "cuda/c_api.cu", SOURCES / "find_error.cc"]
INCLUDE = [f"-I{SOURCES}", f"-I{SOURCES / 'include'}"]

TYPES = {"f32": torch.float32, "f64": torch.float64, "f16": torch.float16, "bf16": torch.bfloat16}
# Of a result, relative to the largest. Results of 16 bits are computed in float, and rounded once.
TOLERANCES = {"f32": 1e-5, "f64": 1e-11, "f16": 1e-3, "bf16": 8e-3}

PAPER = {"shape": (1, 37, 12, 25), "patch": (5, 5), "window": (5, None), "filters": 25}
PROBLEMS = {
    "the paper's": PAPER,
    "relative window": {"shape": (2, 9, 12, 3), "patch": (5, 5), "window": (5, 5), "filters": 25},
    "one pixel": {"shape": (2, 1, 1, 3), "patch": (3, 3), "window": (3, None), "filters": 2},
    "smaller than the patch": {"shape": (1, 2, 3, 2), "patch": (5, 5), "window": (5, None), "filters": 4},
    "window wider than the map": {"shape": (1, 2, 2, 1), "patch": (5, 5), "window": (3, 7), "filters": 17},
    "wide": {"shape": (1, 3, 70, 2), "patch": (3, 3), "window": (3, None), "filters": 40},
    "wide, relative": {"shape": (1, 3, 70, 2), "patch": (3, 3), "window": (3, 19), "filters": 5},
    "large patch": {"shape": (1, 12, 5, 1), "patch": (9, 7), "window": (9, None), "filters": 3},
    "long and thin": {"shape": (1, 4, 3, 1), "patch": (1, 41), "window": (1, 67), "filters": 3},
    "one column": {"shape": (1, 40, 1, 2), "patch": (3, 1), "window": (99, 1), "filters": 3},
    "no image": {"shape": (0, 4, 3, 2), "patch": (3, 3), "window": (3, None), "filters": 2},
}
KINDS = ["random", "flat", "after ReLU", "nearly flat", "not a number"]


# ---- The reference ---------------------------------------------------------------------------------------------------


def normalized_patches(maps, patch, halo, epsilon=0.01, published=False):
    """Every patch, normalized: (B * C, rows, columns, N). Patches are also centred a halo outside of the map."""
    batch, height, width, channels = maps.shape
    planes = maps.permute(0, 3, 1, 2).reshape(batch * channels, 1, height, width)
    rows, columns = halo[0] + patch[0] // 2, halo[1] + patch[1] // 2
    planes = functional.pad(planes, (columns, columns, rows, rows))
    patches = planes[:, 0].unfold(1, patch[0], 1).unfold(2, patch[1], 1).flatten(3)
    n = patch[0] * patch[1]
    centred = patches - patches.mean(-1, keepdim=True)
    variance = centred.square().sum(-1, keepdim=True) / (n - 1)
    flat = variance == 0
    # Where s is 0, its derivative is multiplied by X - mX = 0: any finite one will do.
    s = torch.where(flat, torch.zeros_like(variance), torch.where(flat, torch.ones_like(variance), variance).sqrt())
    S = s + epsilon
    if published:  # S in place of s in the derivative of s, (X - mX) / ((N - 1) s)
        half = variance / 2
        S = S.detach() + (half - half.detach()) / S.detach()
    return centred / S


def correlation(x, y, patch, window, published=False):
    """SPEC section 1: (B, H, W, C * window)."""
    batch, height, width, channels = x.shape
    rows, columns = window
    halo = (rows // 2, 0 if columns is None else columns // 2)
    X = normalized_patches(x, patch, (0, 0), published=published)
    Y = normalized_patches(y, patch, halo, published=published)
    n = X.shape[-1]
    if columns is None:  # all positions of a row share one window
        windows = Y.unfold(1, rows, 1).permute(0, 1, 4, 2, 3).reshape(-1, rows * width, n)
        scores = torch.bmm(X.reshape(-1, width, n), windows.transpose(1, 2))
    else:
        windows = Y.unfold(1, rows, 1).unfold(2, columns, 1).permute(0, 1, 2, 4, 5, 3)
        scores = torch.bmm(windows.reshape(-1, rows * columns, n), X.reshape(-1, n, 1))
    window = rows * (columns or width)
    scores = scores.reshape(batch, channels, height, width, window) / (n - 1)
    return scores.permute(0, 2, 3, 1, 4).reshape(batch, height, width, channels * window)


def summarized(scores, kernel, bias, positive=None):
    """1x1 convolution of ReLU. `positive` says where the ReLU lets the gradient through, if not where scores > 0."""
    positive = scores > 0 if positive is None else positive
    # NaN stays NaN, and gets no gradient.
    kept = torch.where(scores < 0, torch.zeros_like(scores), scores)
    return torch.where(positive, scores, kept.detach()) @ kernel + bias


# ---- The library -----------------------------------------------------------------------------------------------------


class Library:
    """The C functions, on tensors."""

    def __init__(self, path, device):
        self.functions = ctypes.CDLL(str(path))
        self.device = device

    def run(self, name, problem, published, inputs, shapes):
        """Calls a function; returns the results, of `shapes`. A GPU must give the same bits a second time."""
        call, results, _ = self.prepare(name, problem, published, inputs, shapes)
        call()
        if self.device == "cuda":
            first = [result.clone() for result in results]
            call()
            for one, other in zip(first, results, strict=True):
                if not torch.equal(one.view(torch.uint8), other.view(torch.uint8)):
                    raise RuntimeError(f"{name}: two runs on the same {one.dtype} numbers differ")
        return results

    def prepare(self, name, problem, published, inputs, shapes):
        """What runs the function, the results that it writes and its workspace."""
        dtype = inputs[0].dtype
        suffix = next(suffix for suffix, each in TYPES.items() if each == dtype)
        height, width, channels = inputs[0].shape[1:]
        sizes = [inputs[0].shape[0], height, width, channels, *problem["patch"], problem["window"][0]]
        sizes.append(problem["window"][1] or 0)
        arguments = [*map(ctypes.c_int64, sizes), ctypes.c_double(0.01), ctypes.c_int(published)]
        arguments.append(ctypes.c_int64(problem["filters"]))
        size = getattr(self.functions, f"tfnxc_cuda_{name}_workspace_{suffix}")
        size.restype = ctypes.c_size_t
        workspace = torch.full((size(*arguments),), 255, dtype=torch.uint8, device=self.device)
        results = [torch.full(shape, torch.nan, dtype=dtype, device=self.device) for shape in shapes]
        stream = torch.cuda.current_stream().cuda_stream if self.device == "cuda" else None
        pointers = [tensor.data_ptr() for tensor in (*inputs, *results, workspace)]
        arguments += [*map(ctypes.c_void_p, pointers), ctypes.c_void_p(stream)]
        function = getattr(self.functions, f"tfnxc_cuda_{name}_{suffix}")

        def call():
            error = function(*arguments)
            if error:
                text = self.functions.tfnxc_cuda_error_text
                text.restype = ctypes.c_char_p
                raise RuntimeError(f"{name}_{suffix}: {text(error).decode()} ({error})")

        return call, results, workspace


def build(target, arch, emulated):
    """Compiles the library to `target`."""
    if emulated:
        command = ["g++", "-std=c++17", "-O2", "-shared", "-fPIC", "-Wall", "-Wno-unknown-pragmas"]
        command += ["-DTFNXC_CUDA_EMULATION", *INCLUDE, "-x", "c++", *map(str, FILES), "-o", str(target)]
    else:
        arch = arch or "sm_{}{}".format(*torch.cuda.get_device_capability())
        command = ["nvcc", "-std=c++17", "-O3", f"-arch={arch}", "-shared", "-Xcompiler=-fPIC,-Wall", *INCLUDE]
        command += [*map(str, FILES), "-o", str(target)]
    print(" ".join(command), flush=True)
    subprocess.run(command, check=True)


# ---- The checks ------------------------------------------------------------------------------------------------------


def random_maps(shape, kind, random):
    """A map of the kind."""
    maps = torch.randn(shape, generator=random, dtype=torch.float64)
    if kind == "flat":
        maps = torch.full(shape, 0.75, dtype=torch.float64)
    elif kind == "after ReLU":
        maps = (maps - 0.75).clamp(min=0)
    elif kind == "nearly flat":
        maps = 0.5 + 0.02 * maps
    elif kind == "not a number" and maps.numel():
        maps.view(-1)[torch.randint(maps.numel(), (1 + maps.numel() // 200,), generator=random)] = torch.nan
    return maps


def difference(found, expected):
    """The largest, relative to the largest number expected; infinite where only one of the two is a number."""
    found, expected = found.double(), expected.double()
    finite = expected.isfinite()
    if found.shape != expected.shape or (finite != found.isfinite()).any():
        return float("inf")
    if not finite.any():
        return 0.0
    return ((found - expected)[finite].abs().max() / expected[finite].abs().max().clamp(min=1)).item()


def check(library, problem, kind, suffix, published, random):
    """Yields (what, the difference found, the difference allowed)."""
    dtype, device = TYPES[suffix], library.device

    def numbers(*shape):
        return torch.randn(shape, generator=random, dtype=torch.float64).to(device, dtype)

    shape = problem["shape"]
    x, y = (random_maps(shape, kind, random).to(device, dtype) for _ in range(2))
    window = problem["window"][0] * (problem["window"][1] or shape[2])
    out_shape, sums_shape = (*shape[:3], shape[3] * window), (*shape[:3], problem["filters"])
    upstream, of_sums = numbers(*out_shape), numbers(*sums_shape)
    kernel, bias = numbers(out_shape[-1], problem["filters"]), numbers(problem["filters"])
    scores_tolerance = TOLERANCES[suffix]
    # Sums of many, and quotients by small deviations.
    tolerance = scores_tolerance + 10 * TOLERANCES["f64" if suffix == "f64" else "f32"]

    wide = [tensor.double().requires_grad_() for tensor in (x, y, kernel, bias)]
    scores = correlation(*wide[:2], problem["patch"], problem["window"], published)
    (out,) = library.run("forward", problem, published, [x, y], [out_shape])
    yield "forward", difference(out, scores), scores_tolerance

    found = library.run("gradient", problem, published, [x, y, upstream], [shape, shape])
    expected = torch.autograd.grad(scores, wide[:2], upstream.double(), retain_graph=True)
    for name, one, other in zip(("dx", "dy"), found, expected, strict=True):
        yield name, difference(one, other), tolerance

    (sums,) = library.run("summary", problem, published, [x, y, kernel, bias], [sums_shape])
    yield "summary", difference(sums, summarized(scores, *wide[2:])), tolerance

    # A score that rounding moves across 0 switches its ReLU: the reference takes the kernels' own signs.
    computed = torch.float64 if suffix == "f64" else torch.float32
    (out,) = library.run("forward", problem, published, [x.to(computed), y.to(computed)], [out_shape])
    shapes = [shape, shape, kernel.shape, bias.shape]
    found = library.run("summary_gradient", problem, published, [x, y, kernel, of_sums], shapes)
    expected = torch.autograd.grad(summarized(scores, *wide[2:], positive=out > 0), wide, of_sums.double())
    for name, one, other in zip(("summary dx", "summary dy", "dkernel", "dbias"), found, expected, strict=True):
        yield name, difference(one, other), tolerance


def check_all(library, small):
    """Prints the worst difference of every problem and type; returns whether all are right."""
    right, count = True, 0
    print(f"{'problem':26} " + " ".join(f"{suffix:>9}" for suffix in TYPES) + "   largest share of what is allowed")
    for name, problem in PROBLEMS.items():
        if small and problem is PAPER:
            continue
        worst = {}
        for suffix in TYPES:
            kinds = KINDS if problem is not PAPER and suffix in ("f32", "f64") else ["random", "after ReLU"]
            worst[suffix] = 0.0
            for kind in kinds:
                published = kind in ("after ReLU", "nearly flat")
                random = torch.Generator().manual_seed(count)
                for what, found, allowed in check(library, problem, kind, suffix, published, random):
                    count += 1
                    worst[suffix] = max(worst[suffix], found / allowed)
                    if not found <= allowed:
                        right = False
                        print(f"WRONG: {name}, {kind}, {suffix}, {what}: off by {found:.2g}, allowed {allowed:.2g}")
        print(f"{name:26} " + " ".join(f"{worst[suffix]:9.2g}" for suffix in TYPES), flush=True)
    print(f"{count} results are {'right' if right else 'not all right'}")
    return right


# ---- The times -------------------------------------------------------------------------------------------------------


def milliseconds(call, runs):
    """Median, least and most of `runs` timed runs."""
    for _ in range(3):
        call()
    times = []
    for _ in range(runs):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        call()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end))
    return statistics.median(times), min(times), max(times)


def rates():
    """Bytes a second of a copy, read and written; multiply-adds of float a second, or None where no clock is known."""
    source = torch.empty(1 << 28, dtype=torch.float32, device="cuda")
    target = torch.empty_like(source)
    copied = 2 * source.nbytes / (1e-3 * milliseconds(lambda: target.copy_(source), 10)[0])
    major, minor = torch.cuda.get_device_capability()
    lanes = 64 if (major, minor) in ((7, 5), (8, 0)) else 128
    query = ["nvidia-smi", f"--id={torch.cuda.current_device()}", "--query-gpu=clocks.max.sm"]
    try:
        answer = subprocess.run([*query, "--format=csv,noheader,nounits"], check=True, capture_output=True, text=True)
        clock = 1e6 * float(answer.stdout.split()[0])
    except (OSError, subprocess.CalledProcessError, ValueError, IndexError):
        return copied, None
    return copied, lanes * clock * torch.cuda.get_device_properties(torch.cuda.current_device()).multi_processor_count


def variants(library, batch, dtype, random):
    """Yields (name, the kernels' call, what makes PyTorch's, bytes to move, multiply-adds, bytes of workspace)."""
    height, width, channels = PAPER["shape"][1:]
    shape = (batch, height, width, channels)
    maps, filters, n = channels * PAPER["window"][0] * width, PAPER["filters"], PAPER["patch"][0] * PAPER["patch"][1]
    patch, window = PAPER["patch"], PAPER["window"]

    def numbers(*shape):
        return torch.randn(shape, generator=random, device="cuda").to(dtype)

    x, y, kernel, bias = numbers(*shape), numbers(*shape), numbers(maps, filters), numbers(filters)
    upstream, of_sums = numbers(batch, height, width, maps), numbers(batch, height, width, filters)
    ours = {
        "forward": ([x, y], [upstream.shape], 1 * n),
        "gradient": ([x, y, upstream], [shape, shape], 2 * n),
        "summary": ([x, y, kernel, bias], [of_sums.shape], n + filters),
        "summary_gradient": ([x, y, kernel, of_sums], [shape, shape, kernel.shape, bias.shape], 3 * n + 2 * filters),
    }

    def reference(name):
        if name == "forward":
            return lambda: correlation(x, y, patch, window)
        if name == "summary":
            return lambda: torch.relu(correlation(x, y, patch, window)) @ kernel + bias
        wanted = [tensor.detach().requires_grad_() for tensor in (x, y, kernel, bias)]
        scores = correlation(*wanted[:2], patch, window)
        if name == "gradient":
            return lambda: torch.autograd.grad(scores, wanted[:2], upstream, retain_graph=True)
        sums = torch.relu(scores) @ wanted[2] + wanted[3]
        return lambda: torch.autograd.grad(sums, wanted, of_sums, retain_graph=True)

    for name, (inputs, shapes, products) in ours.items():
        call, results, workspace = library.prepare(name, PAPER, False, inputs, shapes)
        moved = sum(tensor.nbytes for tensor in (*inputs, *results))
        products *= batch * height * width * maps
        yield name, call, functools.partial(reference, name), moved, products, workspace.numel()


def time_all(library, batches, runs):
    """Prints the table; returns its rows."""
    torch.backends.cuda.matmul.allow_tf32 = False
    copied, multiplied = rates()
    rows = []
    print(f"copy: {copied / 1e12:.2f} TB/s; float: {(multiplied or float('nan')) / 1e12:.1f} T multiply-adds/s")
    columns = f"{'kernels, ms a pair':>26}  {'PyTorch':>26} {'ratio':>6} {'of floor':>9} {'workspace':>10}"
    print(f"{'':22} {'batch':>5}  {columns}")
    for suffix in ("f32", "f16", "bf16", "f64"):
        for batch in batches if suffix == "f32" else batches[:1]:
            random = torch.Generator("cuda").manual_seed(0)
            for name, call, make_reference, moved, products, size in variants(library, batch, TYPES[suffix], random):
                kernels = [each / batch for each in milliseconds(call, runs)]
                try:
                    pytorch = [each / batch for each in milliseconds(make_reference(), runs)]
                except torch.cuda.OutOfMemoryError:
                    pytorch = [float("nan")] * 3
                floors = {"memory": 1e3 * moved / copied / batch}
                if multiplied and suffix != "f64":
                    floors["arithmetic"] = 1e3 * products / multiplied / batch
                bound = max(floors, key=floors.get)
                row = {"function": name, "type": suffix, "batch": batch, "kernels_ms": kernels, "pytorch_ms": pytorch}
                row |= {"floor_ms": floors, "bound": bound, "share_of_floor": floors[bound] / kernels[0]}
                rows.append(row | {"workspace_bytes": size})
                print(
                    f"{name + ' ' + suffix:22} {batch:5}  {_times(kernels):>26}  {_times(pytorch):>26} "
                    f"{pytorch[0] / kernels[0]:6.1f} {row['share_of_floor']:8.0%}{bound[0]} {size / 2**20:6.0f} MiB",
                    flush=True,
                )
    print("of floor: m where memory bounds it, a where arithmetic does")
    return {"copy_bytes_per_second": copied, "float_multiply_adds_per_second": multiplied, "rows": rows}


def _times(times):
    return "{:.5f} ({:.5f}, {:.5f})".format(*times)


def main():
    """Builds, checks, times; the exit status says whether the checks passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", type=pathlib.Path, help="the shared library; built if it is not there")
    parser.add_argument("--build", action="store_true", help="build it even if it is there")
    parser.add_argument("--arch", help="for nvcc: sm_90 and the like, or all-major. Default: that of the GPU here")
    parser.add_argument("--emulated", action="store_true", help="run the kernels on the CPU; checks only")
    parser.add_argument("--small", action="store_true", help="leave the paper's problem out of the checks")
    parser.add_argument("--no-times", action="store_true", help="checks only")
    parser.add_argument("--no-checks", action="store_true", help="times only")
    batches = {"type": int, "nargs": "+", "default": [32, 128, 512]}
    parser.add_argument("--batch", **batches, help="pairs a batch (default 32 128 512)")
    parser.add_argument("--runs", type=int, default=20, help="timed runs of each (default 20)")
    parser.add_argument("--json", type=pathlib.Path, help="also write the times to this file")
    arguments = parser.parse_args()
    if not arguments.emulated and not torch.cuda.is_available():
        parser.error("PyTorch finds no GPU here. --emulated runs the kernels on the CPU.")
    device = "cpu" if arguments.emulated else "cuda"
    with tempfile.TemporaryDirectory() as folder:
        library = arguments.library or pathlib.Path(folder) / "libtfnxc_cuda.so"
        if arguments.build or not library.exists():
            build(library, arguments.arch, arguments.emulated)
        library = Library(library.resolve(), device)
        right = arguments.no_checks or check_all(library, arguments.small)
        if arguments.emulated or arguments.no_times:
            return 0 if right else 1
        facts = {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__, "cuda": torch.version.cuda}
        print(facts)
        facts |= {"runs": arguments.runs} | time_all(library, arguments.batch, arguments.runs)
        if arguments.json:
            arguments.json.write_text(json.dumps(facts, indent=1) + "\n")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
