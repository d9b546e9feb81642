"""Puts compiled ops into a wheel where TFNXC_WHEEL_OPS names the folder they lie in; all else is in setup.cfg.

TFNXC_CACHE=ops tfnxc build-ops
TFNXC_WHEEL_OPS=ops pip wheel --no-deps .
"""

import os
import pathlib
import shutil

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

BUILT = os.environ.get("TFNXC_WHEEL_OPS")


class BuildWithOps(build_py):
    """Copies the libraries beside the sources whose digest is in the names of their folders."""

    def run(self):
        """Copies the package, and then the libraries; those of a wheel that was built here before go."""
        built = pathlib.Path(self.build_lib, "tfnxc", "custom_ops", "built")
        shutil.rmtree(built, ignore_errors=True)
        super().run()
        if not BUILT or self.editable_mode:
            return
        libraries = sorted(pathlib.Path(BUILT).glob("tensorflow-*/tfnxc_ops.so"))
        if not libraries:
            raise SystemExit(
                f"TFNXC_WHEEL_OPS={BUILT}: no compiled op here. Build one with: TFNXC_CACHE={BUILT} tfnxc build-ops"
            )
        for library in libraries:
            target = built / library.parent.name
            target.mkdir(parents=True)
            for each in (library, library.with_name("build.json")):
                shutil.copyfile(each, target / each.name)
                print(f"compiled op: {target / each.name}")


class OfThisMachine(Distribution):
    """A package that is of one system where it has compiled parts, though setuptools does not compile them."""

    def has_ext_modules(self):
        """Whether it has compiled parts."""
        return bool(BUILT)


class WheelForAnyPython(bdist_wheel):
    """A wheel whose compiled parts use no function of Python."""

    def get_tag(self):
        """The tag of the wheel's name."""
        python, abi, platform = super().get_tag()
        return ("py3", "none", platform) if BUILT else (python, abi, platform)


setup(distclass=OfThisMachine, cmdclass={"build_py": BuildWithOps, "bdist_wheel": WheelForAnyPython})
