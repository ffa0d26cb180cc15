"""Takes rights away from this process before any model is loaded, for good: Linux's Landlock, namespaces and limits.

What is left: reading Python, its libraries and the version's files, and writing to the scratch folder. No other file, no program, no network.
Packages may run code when Python starts (.pth files). Under `python -S` that waits until the rights are gone. It must be called before any thread is started, because Landlock holds for the calling thread and what it starts.
"""

import ctypes
import os
import resource
import site
import socket
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Optional

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38
_NEWUSER, _NEWIPC, _NEWNET = 0x10000000, 0x08000000, 0x40000000

_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_READ = _READ_FILE | _READ_DIR
_WRITE_FILE, _TRUNCATE = 1 << 1, 1 << 14
"""Everything but execute: read, write, make and remove files and folders, rename, truncate. No device, no socket."""
_CHANGE = _READ | _WRITE_FILE | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 12
_OF_FILES = _READ_FILE | _WRITE_FILE | _TRUNCATE

_FILE_LIMIT, _FILE_BYTES_LIMIT = 4096, 16 * 1024**3

_SYSTEM = (
    *("/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share/zoneinfo", "/lib", "/lib64"),
    *("/etc/ld.so.cache", "/etc/localtime", "/etc/passwd", "/etc/group", "/etc/nsswitch.conf"),
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/sys/devices/system", "/dev/urandom", "/dev/zero"),
)


class _Ruleset(ctypes.Structure):
    _fields_ = [("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("access", ctypes.c_uint64), ("parent", ctypes.c_int32)]


_libc = ctypes.CDLL(None, use_errno=True)


def enter(readable: Iterable[str], scratch: Optional[str]) -> list[str]:
    """What could not be had, in words; empty where everything was."""
    if scratch is not None:
        os.environ["TMPDIR"] = scratch
    lacks = _take_away(readable, scratch)
    if sys.flags.no_site:
        site.main()
    return lacks


def _take_away(readable: Iterable[str], scratch: Optional[str]) -> list[str]:
    lacks = []
    for limit, value in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, _FILE_LIMIT), (resource.RLIMIT_FSIZE, _FILE_BYTES_LIMIT)):
        hard = resource.getrlimit(limit)[1]
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (least, least))
    if sys.platform != "linux":
        return ["files and network are not restricted: this system has no Landlock"]
    # Else the memory of a process of root could be read through /proc, whatever Landlock says of files.
    if not _leave_network():
        lacks.append("a network namespace of its own was not to be had")
    try:
        version = _landlock([*readable, *_SYSTEM, *_python()], scratch)
    except OSError as error:
        return [*lacks, f"files are not restricted: {error}"]
    if version < 4:
        lacks.append("TCP is not restricted by Landlock")
    return lacks


def _python() -> Iterable[str]:
    # Without `site`, Python does not know yet that it runs in an environment.
    environment = [str(Path(sys.executable).parent.parent)] if sys.flags.no_site else []
    return {sys.prefix, sys.base_prefix, *environment, *(path for path in sys.path if path), os.path.dirname(os.path.realpath(sys.executable))}


def _leave_network() -> bool:
    uid, gid = os.getuid(), os.getgid()
    if uid == 0:
        return _libc.unshare(_NEWNET | _NEWIPC) == 0
    if _libc.unshare(_NEWUSER | _NEWNET | _NEWIPC) != 0:
        return False
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        try:
            Path(f"/proc/self/{name}").write_text(text)
        except OSError:
            # Files are still reached as the same user; only what it is called differs.
            break
    return True


def _landlock(readable: list[str], scratch: Optional[str]) -> int:
    """The version of Landlock. Raises OSError where there is none."""
    version = _call(_CREATE_RULESET, None, 0, 1)
    # The first has 13 rights; the second adds renames across folders, the third truncation, the fifth control of devices.
    rights = 13 + (version >= 2) + (version >= 3) + (version >= 5)
    handled = (1 << rights) - 1
    attributes = _Ruleset(handled, 0b11 if version >= 4 else 0, 0b11 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = _call(_CREATE_RULESET, ctypes.byref(attributes), size, 0)
    change = (_CHANGE | 1 << 13 | _TRUNCATE) & handled
    writable = [] if scratch is None else [(scratch, change)]
    for path, access in [*((each, _READ) for each in readable), ("/dev/null", _OF_FILES & handled), *writable]:
        try:
            parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        allowed = access if os.path.isdir(path) else access & _OF_FILES
        _call(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(_PathBeneath(allowed, parent)), 0)
        os.close(parent)
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no_new_privs cannot be set")
    _call(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    return version


def _call(number: int, *arguments: object) -> int:
    converted = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result: int = _libc.syscall(ctypes.c_long(number), *converted)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"Landlock: {os.strerror(code)}")
    return result


def bind(path: str) -> socket.socket:
    """The listening socket, made before the folder that it lies in is out of reach."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    os.chmod(path, 0o600)
    listener.listen(64)
    return listener
