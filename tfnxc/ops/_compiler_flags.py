"""How the compiled library is compiled: what it depends on, besides its sources and TensorFlow."""

import platform

import tensorflow as tf

# Contraction is where fused multiply-adds come from; nobody reads errno after a square root. Nothing here changes what
# NaN and infinity do.
FLAGS = ("-std=c++17", "-O3", "-fPIC", "-ffp-contract=fast", "-fno-math-errno")

# The CPU kernels are compiled once for each instruction set; which one runs is decided on the processor that runs it.
INSTRUCTION_SETS: dict[str, tuple[str, ...]] = {"plain": ()}
if platform.machine().lower() in ("x86_64", "amd64"):
    INSTRUCTION_SETS |= {
        "avx2": ("-mavx2", "-mfma"),
        "avx512": ("-mavx512f", "-mavx512vl", "-mavx512dq", "-mfma", "-mprefer-vector-width=512"),
    }

# From Turing (7.5), the oldest that CUDA 13 knows, to Hopper (9.0), whose code newer ones compile on.
CUDA_FLAGS = (
    "-std=c++17",
    "-O3",
    *(f"-gencode=arch=compute_{arch},code=sm_{arch}" for arch in (75, 80, 86, 89, 90)),
    "-gencode=arch=compute_90,code=compute_90",
    "-Xcompiler=-fPIC",
)


def tensorflow_flags():
    """The compiler flags that this TensorFlow asks for, without the folders it lies in."""
    return [flag for flag in tf.sysconfig.get_compile_flags() if not flag.startswith("-I")]


def all_flags(cuda=False):
    """Every flag that the library depends on."""
    sets = [f"{name}: {' '.join(extra)}" for name, extra in INSTRUCTION_SETS.items()]
    return [*tensorflow_flags(), *FLAGS, *sets, *(CUDA_FLAGS if cuda else ())]
