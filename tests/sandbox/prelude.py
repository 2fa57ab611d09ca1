"""What every attack begins with, inside the kernel; the name WORLD is put there before, as JSON."""
# ruff: noqa: F401, F821

import ctypes
import errno
import fcntl
import json
import os
import posix
import resource
import signal
import socket
import struct
import sys
import threading
import time
from types import SimpleNamespace

import pyseccomp

WORLD: str  # stands above, where this is run
world = SimpleNamespace(**json.loads(WORLD))
libc = ctypes.CDLL(None, use_errno=True)


def checked(result):
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def call(name, *arguments):
    number = pyseccomp.resolve_syscall(0, name) if isinstance(name, str) else name
    values = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return checked(libc.syscall(ctypes.c_long(number), *values))


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, text="owned"):
    with open(path, "w") as file:
        file.write(text)
    return True


def says(function, *arguments):
    """Did this call succeed, whatever it gave back?"""
    function(*arguments)
    return True
