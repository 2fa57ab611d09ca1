"""Limits that are reached within a second or two."""

from xorkit.sandbox import Limits

MiB = 1 << 20
LIMITS = Limits(
    cell_seconds=20,
    grace_seconds=1,
    memory=512 * MiB,
    scratch=16 * MiB,
    files=300,
    threads=64,
    output=MiB // 4,
    flood=MiB,
    message=MiB,
)
