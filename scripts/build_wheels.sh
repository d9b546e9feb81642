#!/usr/bin/env bash
# The release: one wheel with the compiled op for each TensorFlow named, and for each Python named a check that it is used
# where there is no compiler. The op uses nothing of Python, so that a wheel serves all of them.
#
#     scripts/build_wheels.sh                                    # every TensorFlow and Python that tfnxc supports
#     TENSORFLOWS="2.21.0" PYTHONS="python3.11" scripts/build_wheels.sh
set -euo pipefail
cd "$(dirname "$0")/.."
tensorflows=${TENSORFLOWS:-2.15.1 2.16.2 2.17.1 2.18.1 2.19.1 2.20.0 2.21.0}
pythons=${PYTHONS:-python3.11 python3.12 python3.13}
to=${TO:-dist}
check='from tfnxc import ops; about = ops.describe_implementation(); print(about); assert about["implementation"] == "native"'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for tensorflow in $tensorflows; do
    wheel=
    for python in $pythons; do
        venv=$work/venv
        "$python" -m venv --clear "$venv"
        if ! "$venv/bin/pip" install --quiet "tensorflow-cpu==$tensorflow"; then
            echo "TensorFlow $tensorflow, $python: pip finds no such package, left out"
            continue
        fi
        if [ -z "$wheel" ]; then
            "$venv/bin/pip" install --quiet .
            TFNXC_CACHE=$work/ops-$tensorflow "$venv/bin/tfnxc" build-ops
            "$venv/bin/pip" uninstall --quiet --yes tfnxc
            TFNXC_WHEEL_OPS=$work/ops-$tensorflow "$venv/bin/pip" wheel --quiet --no-deps --wheel-dir "$work/wheel" .
            mkdir -p "$to/tensorflow-$tensorflow"
            mv "$work"/wheel/*.whl "$to/tensorflow-$tensorflow/"
            wheel=$(ls "$to/tensorflow-$tensorflow"/*.whl)
        fi
        "$venv/bin/pip" install --quiet "$wheel"
        (cd "$work" && PATH=$venv/bin TFNXC_CACHE=$work/none "$venv/bin/python" -c "$check")
    done
    test -n "$wheel"
done
ls "$to"/tensorflow-*/*.whl
