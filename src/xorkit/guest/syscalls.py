"""seccomp: the system calls that a confined kernel may make; every other one answers ENOSYS.

A list of what is allowed, so that a call which a newer kernel invents is refused without anybody
thinking of it, and ENOSYS rather than EPERM, because that is what C libraries take as the sign to
fall back on an older call. No call here starts a process, reaches a process or opens a network.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from collections.abc import Iterator

import pyseccomp as seccomp

HARMLESS = """
    brk madvise membarrier mmap mprotect mremap msync munmap
    read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 lseek
    close creat dup dup2 dup3 copy_file_range sendfile fadvise64 fallocate fsync fdatasync
    ftruncate getdents getdents64 getcwd chdir fchdir umask
    access faccessat faccessat2 stat lstat fstat newfstatat statx statfs fstatfs readlink readlinkat
    link linkat symlink symlinkat mkdir mkdirat mknod mknodat rename renameat renameat2
    rmdir unlink unlinkat
    pipe pipe2 eventfd eventfd2 timerfd_create timerfd_gettime timerfd_settime
    epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2
    poll ppoll select pselect6
    bind listen accept accept4 getsockname getpeername getsockopt setsockopt shutdown
    recvfrom recvmsg sendto
    futex set_robust_list set_tid_address rseq arch_prctl restart_syscall
    exit exit_group wait4 waitid
    getpid gettid getppid getpgid getpgrp getsid getuid geteuid getgid getegid getresuid getresgid
    getgroups getrlimit setrlimit getrusage getcpu getrandom sysinfo times uname
    sched_yield sched_getaffinity sched_getparam sched_getscheduler
    sched_get_priority_max sched_get_priority_min
    clock_getres clock_gettime clock_nanosleep nanosleep gettimeofday time
    alarm getitimer setitimer pause sigaltstack
    rt_sigaction rt_sigpending rt_sigprocmask rt_sigreturn rt_sigsuspend rt_sigtimedwait
"""

# Landlock can't see these (they change files by path, or other processes; all see a lock on a
# file of Python's), yet copying a file, unpacking an archive or opening a database calls them, and
# libzmq aborts when a thread's scheduling can't be set. They report success and do nothing.
PRETENDED = """
    flock
    chmod fchmod fchmodat fchmodat2 chown fchown fchownat lchown
    utime utimes utimensat futimesat
    sched_setaffinity sched_setattr sched_setparam sched_setscheduler
"""

# As on a file system without extended attributes: Python's shutil expects this one.
UNSUPPORTED = """
    getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr
    setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr
"""

INT = 0xFFFF_FFFF  # the kernel reads an `int` argument's low half only, so the filter must too

# Not F_SETOWN and F_SETSIG (a signal to anybody), F_NOTIFY (watches folders), F_SETLEASE.
FCNTL = (
    fcntl.F_DUPFD, fcntl.F_DUPFD_CLOEXEC, fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_GETFL,
    fcntl.F_SETFL, fcntl.F_GETLK, fcntl.F_OFD_GETLK,
)  # fmt: skip
PRETENDED_FCNTL = (fcntl.F_SETLK, fcntl.F_SETLKW, fcntl.F_OFD_SETLK, fcntl.F_OFD_SETLKW)
# TCGETS (is it a terminal?), TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX; not TIOCSTI.
IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
# PR_GET_DUMPABLE, PR_SET_NAME, PR_GET_NAME, PR_GET_SECCOMP, PR_GET_NO_NEW_PRIVS, PR_SET_VMA (names
# memory). Not PR_SET_PDEATHSIG (would outlive the grader) nor PR_SET_DUMPABLE (would hide the
# process from an unprivileged watchdog).
PRCTL = (3, 15, 16, 21, 39, 0x53564D41)

# A thread shares everything with its process: memory, file table (the watchdog counts the
# process's), signals. None of the bits that make a new namespace.
THREAD = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000  # CLONE_VM, _FS, _FILES, _SIGHAND, _THREAD
NAMESPACES = 0x7E02_0000
CLOSE_RANGE_UNSHARE = 2  # would give a thread a file table of its own


def filter_syscalls() -> None:
    """Put the filter on this thread and all that it will start. Irrevocable."""
    rules = seccomp.SyscallFilter(seccomp.ERRNO(errno.ENOSYS))
    # libseccomp's default for a foreign calling convention kills one thread: the kernel would hang.
    rules.set_attr(seccomp.Attr.ACT_BADARCH, seccomp.KILL_PROCESS)
    for action, name, arguments in _rules():
        number = _number(name)
        if number is not None:
            rules.add_rule(action, number, *arguments)
    rules.load()


def _rules() -> Iterator[tuple[int, str, list[seccomp.Arg]]]:
    for name in HARMLESS.split():
        yield seccomp.ALLOW, name, []
    for name in PRETENDED.split():
        yield seccomp.ERRNO(0), name, []
    for command in PRETENDED_FCNTL:
        yield seccomp.ERRNO(0), "fcntl", [_is(1, command)]
    for name in UNSUPPORTED.split():
        yield seccomp.ERRNO(errno.EOPNOTSUPP), name, []
    for name, arguments in _conditional():
        yield seccomp.ALLOW, name, arguments
    # libzmq aborts when opening a netlink socket fails with anything but this.
    yield seccomp.ERRNO(errno.EOPNOTSUPP), "socket", [seccomp.Arg(0, seccomp.NE, socket.AF_UNIX)]


def _conditional() -> Iterator[tuple[str, list[seccomp.Arg]]]:
    """Calls that are allowed with certain arguments only."""
    for name, commands in (("fcntl", FCNTL), ("ioctl", IOCTL)):
        for command in commands:
            yield name, [_is(1, command)]
    for option in PRCTL:
        yield "prctl", [_is(0, option)]
    for name, flags in (("open", 1), ("openat", 2)):
        yield from ((name, arguments) for arguments in _open_flags(flags))
    yield "clone", [_is(0, THREAD, THREAD | NAMESPACES)]
    yield "close_range", [_is(2, 0, CLOSE_RANGE_UNSHARE)]
    yield "prlimit64", [_is(0, 0)]  # oneself
    # Signals to oneself only.
    yield "kill", [_is(0, os.getpid())]
    yield "tgkill", [_is(0, os.getpid())]
    # Stream sockets between threads, and to bind for Jupyter's messages; `connect` is not allowed,
    # datagram sockets could be sent to a path without it.
    kind = INT & ~(socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    for name in ("socket", "socketpair"):
        yield name, [_equals(0, socket.AF_UNIX), _is(1, socket.SOCK_STREAM, kind)]


def _open_flags(position: int) -> Iterator[list[seccomp.Arg]]:
    """Opening for reading may not truncate: Landlock before version 3 lets that through."""
    yield [_is(position, 0, os.O_TRUNC)]
    for mode in (os.O_WRONLY, os.O_RDWR):
        yield [_is(position, os.O_TRUNC | mode, os.O_TRUNC | os.O_ACCMODE)]


def _is(position: int, value: int, mask: int = INT) -> seccomp.Arg:
    return seccomp.Arg(position, seccomp.MASKED_EQ, mask, value)


def _equals(position: int, value: int) -> seccomp.Arg:
    return seccomp.Arg(position, seccomp.EQ, value)


def _number(name: str) -> int | None:
    """None where this architecture or this libseccomp doesn't know the call: it stays refused."""
    number = int(seccomp.resolve_syscall(seccomp.Arch.NATIVE, name))
    return number if number >= 0 else None
