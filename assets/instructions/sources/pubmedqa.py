"""PubMedQA (Jin et al. 2019): questions that titles of articles ask, with the conclusion of the abstract as the answer.

What belongs here: what its JSON objects mean (keyed by PubMed id), as its repository describes them. The 500 ids of
test_ground_truth.json are `external` for ever, also when that file is not there: it is needed beside ori_pqal.json.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from assets.instructions.sources.base import Adapter, SourceError, SourceRecords
from assets.instructions.sources.batches import Converted, asked, batched, needed_files, question
from assets.instructions.sources.items import Columns, Row
from assets.instructions.sources.location import Location, SourceFile
from assets.instructions.sources.readers import json_object
from training.records import Split

LABELLED, TEST_IDS = "ori_pqal.json", "test_ground_truth.json"


@dataclass(frozen=True, kw_only=True)
class PubMedQaAdapter(Adapter):
    """PubMedQA: labelled (ori_pqal), unlabelled (ori_pqau) and artificial (ori_pqaa) questions."""

    name: str = "pubmedqa"
    licence: str = "MIT"
    commercial_use: bool = True
    provider_terms: str | None = None
    citation: str = (
        "Jin et al. 2019, PubMedQA: A Dataset for Biomedical Research Question Answering, EMNLP 2019, arXiv:1909.06146"
    )
    home: str = "https://github.com/pubmedqa/pubmedqa"

    def files(self, location: Location) -> list[SourceFile]:
        """The files of questions, and the published test ids."""
        return location.files("*ori_pqa*.json", "*" + TEST_IDS)

    def read(self, location: Location) -> Iterator[SourceRecords]:
        """One question an id.

        Raises:
            SourceError: no file of questions, or the labelled ones without the list of published test ids.
        """
        files = [file for file in needed_files(self, location) if file.basename != TEST_IDS]
        test_ids = _test_ids(self.name, location, needed=any(file.basename.startswith(LABELLED) for file in files))
        columns = Columns(types={"QUESTION": str}, not_empty=("QUESTION",))

        def convert(row: Row) -> Converted | str:
            split: Split | None = "external" if row.values["pmid"] in test_ids else None
            found = question(self.name, self.licence, row, row.values["QUESTION"], split=split)
            return asked(found, "published", row.values.get("LONG_ANSWER"))

        items = (item for file in files for item in json_object(file, columns, key="pmid"))
        return batched(self.name, items, convert)


def _test_ids(name: str, location: Location, *, needed: bool) -> frozenset[str]:
    file = next(iter(location.files("*" + TEST_IDS)), None)
    if file is None:
        if needed:
            raise SourceError(
                f"source {name}: {TEST_IDS} must stand beside {LABELLED}: without it published test items would train"
            )
        return frozenset()
    with file.open() as handle:
        try:
            ids = json.load(handle)
        except (ValueError, OSError) as error:
            raise SourceError(f"source {name}: {TEST_IDS} cannot be read: {error}") from error
    if not isinstance(ids, dict | list) or not ids:
        raise SourceError(f"source {name}: {TEST_IDS} must hold the published test ids, as keys or as a list")
    return frozenset(map(str, ids))
