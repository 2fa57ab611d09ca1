"""Landlock: which files this process may reach, by three system calls that no C library wraps.

Numbers, structures and rights are those of linux/landlock.h; see landlock(7).
"""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Iterable

from xorkit.guest.limits import ConfinementError

# The same numbers on every architecture that has Landlock.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
RULE_PATH_BENEATH = 1
CREATE_RULESET_VERSION = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_DIR, REMOVE_FILE = 1 << 4, 1 << 5
MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM = (
    1 << bit for bit in range(6, 13)
)
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15

READ = READ_FILE | READ_DIR
# Neither EXECUTE (nothing here may start a program) nor device nodes.
OWN = (
    READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | REFER | TRUNCATE
    | MAKE_DIR | MAKE_REG | MAKE_SOCK | MAKE_FIFO | MAKE_SYM
)  # fmt: skip
ON_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV  # what a rule on a file may say

# By ABI version: the file rights that the kernel handles, beginning with version 1.
FILE_RIGHTS = (
    (1 << 13) - 1,
    (1 << 14) - 1,
    (1 << 15) - 1,
    (1 << 15) - 1,
    (1 << 16) - 1,
)
NET_ABI, ALL_NET = 4, 0b11  # bind and connect TCP
SCOPE_ABI, ALL_SCOPES = 6, 0b11  # abstract unix sockets, signals


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


@functools.cache
def libc() -> ctypes.CDLL:
    """The C library. Opening it takes longer than most of its calls."""
    return ctypes.CDLL(None, use_errno=True)


def _syscall(number: int, *args: object) -> int:
    result = int(libc().syscall(ctypes.c_long(number), *args))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def version() -> int:
    """The kernel's Landlock ABI. Raises ConfinementError where Landlock is missing or off."""
    try:
        return _syscall(
            CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(CREATE_RULESET_VERSION)
        )
    except OSError as error:
        raise ConfinementError(
            f"this kernel offers no Landlock ({error.strerror}), so a notebook could read every "
            "file here. It takes Linux 5.13 or newer with `landlock` among the boot option "
            "`lsm=`; stock Ubuntu since 22.04 and Debian since 12 have it."
        ) from error


def restrict_files(
    own: str, sockets: str | None, readable: Iterable[str], devices: Iterable[str], *, abi: int
) -> None:
    """Leave to this process and its threads: `own` to read and write, `readable` to read.

    In the folder `sockets` it may read, and make sockets. Irrevocable. Wants `no_new_privs` set and
    no second thread. Paths that don't exist are left out; what isn't named is out of reach.
    """
    handled = FILE_RIGHTS[min(abi, len(FILE_RIGHTS)) - 1]
    attributes = _Ruleset(
        handled,
        ALL_NET if abi >= NET_ABI else 0,
        ALL_SCOPES if abi >= SCOPE_ABI else 0,
    )
    # Older kernels know a shorter structure and accept a longer one if the rest is zero.
    ruleset = _syscall(
        CREATE_RULESET,
        ctypes.byref(attributes),
        ctypes.c_size_t(ctypes.sizeof(attributes)),
        ctypes.c_uint32(0),
    )
    try:
        _allow(ruleset, own, OWN & handled)
        if sockets is not None:
            _allow(ruleset, sockets, READ | MAKE_SOCK)
        for path in readable:
            _allow(ruleset, path, READ)
        for path in devices:
            _allow(ruleset, path, READ_FILE | WRITE_FILE)
        _syscall(RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, access: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return  # not there, or out of reach already
    try:
        if not os.path.isdir(path):
            access &= ON_FILES
        rule = _PathBeneath(access, handle)
        _syscall(
            ADD_RULE,
            ctypes.c_int(ruleset),
            ctypes.c_int(RULE_PATH_BENEATH),
            ctypes.byref(rule),
            ctypes.c_uint32(0),
        )
    finally:
        os.close(handle)
