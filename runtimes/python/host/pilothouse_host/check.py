"""What this interpreter has for Python models, as a line of JSON for `pilothouse doctor`. It needs no library."""

import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from importlib import metadata

from . import sandbox

_LIBRARIES = ("numpy", "scikit-learn", "skops", "xgboost", "lightgbm")


def check() -> int:
    libraries = {name: version for name in _LIBRARIES if (version := installed(name)) is not None}
    can_install = _can_install()
    # The last step: it takes rights away from this process for good. It has nothing to write, and gets no folder for it.
    lacks = sandbox.enter([], os.devnull)
    found = {"version": platform.python_version(), "libraries": libraries, "canInstall": can_install, "sandboxLacks": lacks}
    print(json.dumps(found), flush=True)
    return 0


def installed(package: str) -> "str | None":
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _can_install() -> bool:
    """With uv, with pip, or with the pip of the Python that a virtual environment was made of."""
    if shutil.which("uv") is not None or importlib.util.find_spec("pip") is not None:
        return True
    base = getattr(sys, "_base_executable", sys.executable)
    return subprocess.run([base, "-m", "pip", "--version"], capture_output=True).returncode == 0
