"""`tfnxc build-ops`."""

import click


@click.command()
@click.option("--compiler", metavar="CXX", help="A C++17 compiler. Default: $CXX, or else g++ or clang++.")
@click.option("--cuda", is_flag=True, help="Build the GPU kernels too, with nvcc: of $CUDA_HOME, or TensorFlow's CUDA.")
@click.option("--force", is_flag=True, help="Build it again where it is there.")
def build_ops(compiler, cuda, force):
    """Compiles the normalized correlation for the TensorFlow that is installed here, in about half a minute.

    The first command that computes does so by itself, in the background. Without it everything runs in plain
    TensorFlow, several times slower, with the same numbers. The library goes to ~/.cache/tfnxc/ops (or $XDG_CACHE_HOME,
    or $TFNXC_CACHE), one for each TensorFlow; TFNXC_OPS=python switches it off, TFNXC_OPS=native makes its absence an
    error. Where TensorFlow has a GPU, it is used only if it is built with --cuda.

    \b
    tfnxc build-ops
    tfnxc build-ops --compiler clang++ --force
    CUDA_HOME=/usr/local/cuda-12.5 tfnxc build-ops --cuda
    tfnxc info
    """
    from tfnxc import ops
    from tfnxc.console import console, progress_bar

    with progress_bar("Compiling", None) as advance:
        path = ops.build_library(compiler, cuda, force, progress=advance)
    console.print(f"Compiled op: {path}")
