"""Documents of a folder tree or a tar archive, one at a time, and XML without entities.

What belongs here: getting at documents safely. Nothing is ever unpacked onto a disk: members are read as a stream, and one that
is no plain file, leads out of the archive, or is larger than MAX_MEMBER is refused (`archive_member_refused`).
"""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import PurePosixPath
from xml.etree.ElementTree import Element, ParseError

from assets.instructions.sources.base import SourceError
from assets.instructions.sources.items import FILE, Fault, Opened, excerpt
from assets.instructions.sources.location import BrokenOff, Location, SourceFile

MAX_MEMBER = 16 << 20
MEMBER = "member"
ARCHIVES = ("*.tar", "*.tar.gz", "*.tgz")


@dataclass(frozen=True, slots=True)
class Member:
    """A document: its path in the tree or archive, and its bytes."""

    name: str
    data: bytes


def members(location: Location, pattern: str) -> Iterator[Member | Fault | Opened]:
    """The documents below a location whose path matches; a location that is, or holds, tar archives: their members.

    Raises:
        SourceError: a file cannot be read to its end because the connection broke.
    """
    archives = location.files(*ARCHIVES)
    for archive in archives:
        yield from _of_archive(archive, pattern)
    if archives:
        return
    for file in location.files(pattern):
        try:
            with file.open() as handle:
                data = handle.read(MAX_MEMBER + 1)
        except BrokenOff as error:
            raise SourceError(f"{file.name} broke off while it was read ({error}); run again") from error
        except OSError as error:
            yield Fault(file.name, "unreadable_file", error.strerror or type(error).__name__, FILE)
            continue
        yield Opened(FILE)
        yield Member(file.name, data) if len(data) <= MAX_MEMBER else Fault(file.name, "line_too_long", "", MEMBER)


def _of_archive(file: SourceFile, pattern: str) -> Iterator[Member | Fault | Opened]:
    opened = False
    try:
        with file.open() as handle, tarfile.open(fileobj=handle, mode="r|*") as archive:
            opened = True
            yield Opened(FILE)
            for member in archive:
                if member.isdir():
                    continue
                refused = _refusal(member)
                if refused:
                    yield Fault(f"{file.name}/{member.name}", "archive_member_refused", refused, MEMBER)
                elif fnmatch(member.name, pattern):
                    content = archive.extractfile(member)
                    yield Member(f"{file.name}/{member.name}", content.read() if content else b"")
    except (EOFError, zlib.error, tarfile.ReadError) as error:
        if opened:
            yield Fault(file.name, "truncated_file", f"the archive ends too early: {error}", MEMBER)
        else:
            yield Fault(file.name, "unreadable_file", str(error), FILE)
    except BrokenOff as error:
        raise SourceError(f"{file.name} broke off while it was read ({error}); run again") from error
    except OSError as error:
        yield Fault(file.name, "unreadable_file", error.strerror or type(error).__name__, FILE)


def _refusal(member: tarfile.TarInfo) -> str | None:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        return "its path leads out of the archive"
    if not member.isreg():
        return "it is no plain file (a link or device)"
    return f"it is larger than {MAX_MEMBER} bytes" if member.size > MAX_MEMBER else None


def parse_xml(member: Member) -> Element | Fault:
    """The document's root; one that is not well formed, or declares a DTD or entities, is a fault (`bad_xml`)."""
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root: Element = fromstring(member.data, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        return Fault(member.name, "bad_xml", f"{type(error).__name__}: {excerpt(member.data)}", MEMBER)
    return root
