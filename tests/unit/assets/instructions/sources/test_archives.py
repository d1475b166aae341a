"""Documents of archives: read as a stream, never unpacked, and nothing that leads out of them is read."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from assets.instructions.sources import archives
from assets.instructions.sources.archives import Member, members, parse_xml
from assets.instructions.sources.items import Fault, Opened
from assets.instructions.sources.location import Location

BOMB = b"""<?xml version="1.0"?>
<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<d>&b;</d>"""
OUTSIDE = b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><d>&x;</d>'


def add(archive: tarfile.TarFile, name: str, data: bytes = b"<d/>", **changes: object) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    for key, value in changes.items():
        setattr(member, key, value)
    archive.addfile(member, io.BytesIO(data) if member.isreg() else None)


def test_hostile_members_are_refused_and_the_others_read(tmp_path: Path) -> None:
    path = tmp_path / "set.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        add(archive, "good/1.xml")
        add(archive, "../../outside.xml")
        add(archive, "/etc/absolute.xml")
        add(archive, "link.xml", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd")
        add(archive, "hard.xml", b"", type=tarfile.LNKTYPE, linkname="good/1.xml")
        add(archive, "device.xml", b"", type=tarfile.CHRTYPE)
        add(archive, "good/notes.txt")
        add(archive, "good/2.xml")
    found = list(members(Location(str(path)), "*.xml"))
    assert isinstance(found[0], Opened)
    assert [m.name for m in found if isinstance(m, Member)] == ["set.tar.gz/good/1.xml", "set.tar.gz/good/2.xml"]
    refused = [f for f in found if isinstance(f, Fault)]
    assert {f.reason for f in refused} == {"archive_member_refused"}
    assert [f.position.removeprefix("set.tar.gz/") for f in refused] == [
        "../../outside.xml",
        "/etc/absolute.xml",
        "link.xml",
        "hard.xml",
        "device.xml",
    ]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["set.tar.gz"]


def test_a_member_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBER", 10)
    path = tmp_path / "set.tar"
    with tarfile.open(path, "w") as archive:
        add(archive, "1.xml", b"<d>too much</d>")
    (fault,) = [f for f in members(Location(str(path)), "*.xml") if isinstance(f, Fault)]
    assert fault.raw == "it is larger than 10 bytes"


def test_an_archive_that_ends_too_early_gives_what_stands_before(tmp_path: Path) -> None:
    path = tmp_path / "set.tar"
    with tarfile.open(path, "w") as archive:
        add(archive, "1.xml")
        add(archive, "2.xml", b"<d>" + b"x" * 100_000 + b"</d>")
    path.write_bytes(path.read_bytes()[:50_000])
    found = list(members(Location(str(path)), "*.xml"))
    assert [m.name for m in found if isinstance(m, Member)] == ["set.tar/1.xml"]
    assert [(f.position, f.reason) for f in found if isinstance(f, Fault)] == [("set.tar", "truncated_file")]


def test_what_is_no_archive_is_an_unreadable_file(tmp_path: Path) -> None:
    (tmp_path / "set.tar.gz").write_bytes(b"not an archive")
    (fault,) = members(Location(str(tmp_path)), "*.xml")
    assert isinstance(fault, Fault) and (fault.reason, fault.kind) == ("unreadable_file", "file")


@pytest.mark.parametrize("data", [BOMB, OUTSIDE, b"<d>", b"", b"<d>\x00</d>", b"no xml at all"])
def test_bad_xml_is_a_fault(data: bytes) -> None:
    fault = parse_xml(Member("1.xml", data))
    assert isinstance(fault, Fault) and (fault.position, fault.reason) == ("1.xml", "bad_xml")


def test_good_xml_is_a_document() -> None:
    root = parse_xml(Member("1.xml", b"<d><q>Is it &lt; 5 mg?</q></d>"))
    assert not isinstance(root, Fault) and root.findtext("q") == "Is it < 5 mg?"
