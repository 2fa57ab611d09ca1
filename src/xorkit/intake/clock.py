"""One clock for all that names a time: a zip's local times, an LMS's zone, this machine's."""

from __future__ import annotations

import re
import struct
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_tz
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

# Zips count in steps of two seconds, so a file and its packed copy differ by less than that.
RESOLUTION = timedelta(seconds=2)
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d\d))?")
# The short names that RFC 5322 gives one meaning, of several that some have in the world.
_IN_MAIL = ("UT", "UTC", "GMT", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT")
_TRANSLATED = {"MEZ": "CET", "MESZ": "CEST"}  # as Java, and so Blackboard, says them in German
_ZIP_TIME, _ZIP_NTFS = 0x5455, 0x000A  # the extra fields in which zip tools note absolute times
_NTFS_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


def zone_named(name: str) -> tzinfo:
    """A zone such as Europe/Berlin; raises ValueError where there is none of this name."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:
        raise ValueError(f"{name!r} is no time zone; wanted one such as Europe/Berlin") from error


def placed(time: datetime, zone: tzinfo | None) -> datetime:
    """A local time as a point in time: in this zone, or (None) in this machine's."""
    return time.replace(tzinfo=zone) if zone else time.astimezone()


def parsed_time(date: str, time: str, zone: tzinfo | None) -> datetime | None:
    """ "1 May 2026" and "3:00 PM", in one of the ways in which English sites write them."""
    for pattern in ("%d %B %Y", "%B %d, %Y", "%b %d, %Y", "%d %b %Y", "%d %B, %Y"):
        for hours in ("%I:%M %p", "%H:%M"):
            with suppress(ValueError, OverflowError):
                return placed(datetime.strptime(f"{date} {time}", f"{pattern} {hours}"), zone)
    return None


def placed_as_said(time: datetime, said: str, zone: tzinfo | None) -> datetime:
    """A local time whose zone an LMS says by a short name ("EDT", "CEST", "GMT+2").

    A name that means several zones of the world is ours if ours is called so then; else, and where
    it means none, the time is read in ours.
    """
    if match := _OFFSET.fullmatch(said):
        hours, minutes = int(match[2]), int(match[3] or 0)
        if hours < 15 and minutes < 60:
            ahead = timedelta(hours=hours, minutes=minutes)
            return time.replace(tzinfo=timezone(-ahead if match[1] == "-" else ahead))
    for own in (placed(time, zone), placed(time.replace(fold=1), zone)):
        if own.tzname() == said:
            return own
    offset = _offset(said, time)
    return placed(time, zone) if offset is None else time.replace(tzinfo=timezone(offset))


@lru_cache(maxsize=1000)
def _offset(name: str, time: datetime) -> timedelta | None:
    """What a zone's short name means: in e-mails, else wherever in the world it is in use then.

    None where it is in use nowhere or means several offsets.
    """
    if name in _IN_MAIL and (parts := parsedate_tz(f"1 Jan 2000 00:00:00 {name}")):
        return timedelta(seconds=parts[9] or 0)
    found = set(_offsets(_TRANSLATED.get(name, name), time))
    return found.pop() if len(found) == 1 else None


def _offsets(name: str, time: datetime) -> Iterator[timedelta]:
    for key in available_timezones():
        for fold in (0, 1):
            there = time.replace(tzinfo=ZoneInfo(key), fold=fold)
            if there.tzname() == name and (offset := there.utcoffset()) is not None:
                yield offset


def file_time(seconds: float) -> datetime | None:
    """When a file was changed; None for a time that no calendar has, as any archive may say."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def zip_time(member: zipfile.ZipInfo, zone: tzinfo | None) -> datetime | None:
    """When a packed file was changed: as its extra fields say, else its local time in this zone."""
    try:
        return _absolute(member.extra) or placed(datetime(*member.date_time), zone)
    except (ValueError, OverflowError, OSError, struct.error):
        return None


def _absolute(extra: bytes) -> datetime | None:
    while len(extra) >= 4:
        kind, size = struct.unpack("<HH", extra[:4])
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == _ZIP_TIME and len(field) >= 5 and field[0] & 1:
            return datetime.fromtimestamp(struct.unpack("<i", field[1:5])[0], UTC)
        if kind == _ZIP_NTFS and len(field) >= 16:
            ticks = struct.unpack("<Q", field[8:16])[0]
            return _NTFS_EPOCH + timedelta(microseconds=ticks // 10)
    return None
