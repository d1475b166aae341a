"""MedQuAD (Ben Abacha and Demner-Fushman 2019): questions and answers of twelve NIH sites, an XML document per topic.

What belongs here: what its documents mean, as its readme describes them. Three of the twelve subsets have their answers
removed: their questions are accepted without one. The site, the semantic group, the type of question and the focus stand
in `source_label`, as `site/group/type/focus`, and the taxonomy is measured on them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from assets.instructions.sources.archives import ARCHIVES, MEMBER, Member, members, parse_xml
from assets.instructions.sources.base import Adapter, SourceRecords
from assets.instructions.sources.batches import Converted, asked, batched, needed_files, question
from assets.instructions.sources.items import Fault, Item, Opened, Row
from assets.instructions.sources.location import Location, SourceFile

XML = "*.xml"


@dataclass(frozen=True, kw_only=True)
class MedQuadAdapter(Adapter):
    """MedQuAD as a folder tree or a tar archive."""

    name: str = "medquad"
    licence: str = "CC-BY-4.0"
    commercial_use: bool = True
    provider_terms: str | None = None
    citation: str = (
        "Ben Abacha and Demner-Fushman 2019, A question-entailment approach to question answering, BMC Bioinformatics 20:511"
    )
    home: str = "https://github.com/abachaa/MedQuAD"

    def files(self, location: Location) -> list[SourceFile]:
        """The archive, or all documents of the tree."""
        return location.files(*ARCHIVES) or location.files(XML)

    def read(self, location: Location) -> Iterator[SourceRecords]:
        """One question a QAPair."""
        needed_files(self, location)

        def convert(row: Row) -> Converted | str:
            values = row.values
            found = question(self.name, self.licence, row, values["question"], label=values["label"])
            return asked(found, "nih", values["answer"])

        return batched(self.name, _items(location), convert)


def _items(location: Location) -> Iterator[Item]:
    for member in members(location, XML):
        if not isinstance(member, Member):
            yield member
            continue
        root = parse_xml(member)
        if isinstance(root, Fault):
            yield root
            continue
        yield Opened(MEMBER)
        yield from _pairs(member.name, root)


def _pairs(name: str, root: Element) -> Iterator[Item]:
    group = root.findtext(".//SemanticGroup") or "unknown"
    site, focus = root.get("source") or "unknown", root.findtext("Focus") or "unknown"
    for index, pair in enumerate(root.iter("QAPair"), start=1):
        asked_as, said = pair.find("Question"), pair.findtext("Answer")
        text = None if asked_as is None else asked_as.text
        position = f"{name}#{pair.get('pid') or index}"
        if asked_as is None or text is None:
            yield Fault(position, "missing_column", "no Question")
        else:
            label = "/".join((site, group.strip(), asked_as.get("qtype") or "unknown", focus.strip()))
            yield Row(position, {"question": text, "answer": said, "label": label}, text[:2000])
