"""Pairwise sets: preferences from outside, as JSON lines in the form of RewardBench (Lambert et al. 2024).

What belongs here: reading a set and deciding which of its rows are measured. A row is an object with the texts `prompt`,
`chosen` and `rejected`, and perhaps `subset` or else `category`. read = measured + left out, always; what is left out keeps its
line and a reason:

- `too_long`, `not_utf8`, `not_json`, `no_object`, `bad_<column>` (absent, empty or no text), `same_answers`: the row itself;
- `seen_in_training`: the prompt stands among the training snapshot's instructions, of any split: letter case, punctuation and
  white space aside, or with the same content words. A paraphrase in other words is not found, nor an answer that was trained
  on under another question;
- `repeated`: prompt, chosen and rejected stand on an earlier line;
- `not_drawn`: over `max_pairs`.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import fsspec

from training.benchmark.baselines import content_words
from training.benchmark.outside import MAX_BYTES, PairwiseSet
from training.errors import StageRefusal, one_line
from training.manifests import sha256_text

MAX_LINE = 1 << 20
SUBSET_LENGTH = 80
TEXTS = ("prompt", "chosen", "rejected")
_NO_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One preference; pairs of one prompt share a cluster."""

    line: int
    prompt: str
    chosen: str
    rejected: str
    subset: str | None

    @property
    def cluster_id(self) -> str:
        """The prompt, but for its typography."""
        return plain_words(self.prompt)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A row that is not measured, and why."""

    line: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class ReadSet:
    """A set as far as it has been sorted: what will be measured, and what will not, each by line; `sha256` of all of it."""

    pairs: tuple[Pair, ...]
    left_out: tuple[LeftOut, ...]
    sha256: str

    def keeping(self, kept: Iterable[Pair], reason: str) -> ReadSet:
        """Only these of the pairs; the others are left out for a reason."""
        pairs = tuple(kept)
        lines = {pair.line for pair in pairs}
        gone = [LeftOut(line=pair.line, reason=reason) for pair in self.pairs if pair.line not in lines]
        return replace(self, pairs=pairs, left_out=tuple(sorted((*self.left_out, *gone), key=lambda row: row.line)))


def plain_words(text: str) -> str:
    r"""A text's words alone, in lower case.

    >>> plain_words(" Is it\n  CONTAGIOUS?! ")
    'is it contagious'
    """
    return _NO_WORD.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def read_set(spec: PairwiseSet, *, training: Iterable[str], max_pairs: int | None) -> ReadSet:
    """A set, sorted into what is measured and what is left out.

    Args:
        spec: where it lies and what it must hold.
        training: texts of the instructions that our model learned from.
        max_pairs: pairs to measure at most.

    Raises:
        StageRefusal: it cannot be read, is not what was planned with, is too large, or no row of it is a pair.
    """
    rows = parse_set(_fetch(spec))
    if spec.sha256 is not None and rows.sha256 != spec.sha256:
        raise StageRefusal(
            f"pairwise set {spec.name}: its content is {rows.sha256}, but {spec.sha256} was planned with; run again"
        )
    if not rows.pairs:
        first = f"line {rows.left_out[0].line}: {rows.left_out[0].reason}" if rows.left_out else "it is empty"
        raise StageRefusal(f"pairwise set {spec.name}: no row has the texts {', '.join(TEXTS)} ({first})")
    return draw(_without_repeats(without_seen(rows, training)), max_pairs)


def _fetch(spec: PairwiseSet) -> bytes:
    where = f"pairwise set {spec.name}"
    try:
        with fsspec.open(spec.path, "rb") as handle:
            data: bytes = handle.read(MAX_BYTES + 1)
    except Exception as error:  # every file system has errors of its own
        raise StageRefusal(f"{where}: cannot be read: {one_line(error)}") from error
    if len(data) > MAX_BYTES:
        raise StageRefusal(f"{where}: larger than {MAX_BYTES >> 20} MB; give a part of it")
    return data


def parse_set(data: bytes) -> ReadSet:
    """The rows of a set by line, from 1; blank lines are no rows."""
    pairs: list[Pair] = []
    left_out: list[LeftOut] = []
    for line, raw in enumerate(data.split(b"\n"), start=1):
        if not raw.strip():
            continue
        found = _parse_row(raw, line)
        if isinstance(found, Pair):
            pairs.append(found)
        else:
            left_out.append(LeftOut(line=line, reason=found))
    return ReadSet(pairs=tuple(pairs), left_out=tuple(left_out), sha256=hashlib.sha256(data).hexdigest())


def _parse_row(raw: bytes, line: int) -> Pair | str:
    """The pair of a row, or why it is none."""
    if len(raw) > MAX_LINE:
        return "too_long"
    try:
        row: Any = json.loads(raw.decode("utf-8-sig" if line == 1 else "utf-8"))
    except UnicodeDecodeError:
        return "not_utf8"
    except (json.JSONDecodeError, RecursionError):
        return "not_json"
    if not isinstance(row, dict):
        return "no_object"
    for column in TEXTS:
        if not _is_text(row.get(column)):
            return f"bad_{column}"
    column = "subset" if row.get("subset") is not None else "category"
    subset = row.get(column)
    if subset is not None and (not _is_text(subset) or len(subset.strip()) > SUBSET_LENGTH):
        return f"bad_{column}"
    if row["chosen"].strip() == row["rejected"].strip():
        return "same_answers"
    # `all` is what the whole set is called.
    named = None if subset is None or subset.strip() == "all" else subset.strip()
    return Pair(line=line, subset=named, **{column: row[column] for column in TEXTS})


def _is_text(value: object) -> bool:
    # JSON can spell half a character, which no encoding and no tokenizer takes.
    return isinstance(value, str) and bool(value.strip()) and not any("\ud800" <= c <= "\udfff" for c in value)


def without_seen(rows: ReadSet, training: Iterable[str]) -> ReadSet:
    """Leaves out the pairs whose prompt the model has learned from."""
    texts = list(training)
    as_words = {plain_words(text) for text in texts} - {""}
    as_content = {frozenset(content_words(text)) for text in texts} - {frozenset()}

    def seen(prompt: str) -> bool:
        return plain_words(prompt) in as_words or frozenset(content_words(prompt)) in as_content

    return rows.keeping((pair for pair in rows.pairs if not seen(pair.prompt)), "seen_in_training")


def _without_repeats(rows: ReadSet) -> ReadSet:
    first: dict[tuple[str, str, str], Pair] = {}
    for pair in rows.pairs:
        first.setdefault((pair.prompt, pair.chosen, pair.rejected), pair)
    return rows.keeping(first.values(), "repeated")


def draw(rows: ReadSet, limit: int | None) -> ReadSet:
    """At most `limit` pairs, by a hash of their content: where they stand in the file plays no part."""
    if limit is None or len(rows.pairs) <= limit:
        return rows
    by_hash = sorted(rows.pairs, key=_hash_of)
    return rows.keeping(sorted(by_hash[:limit], key=lambda pair: pair.line), "not_drawn")


def _hash_of(pair: Pair) -> str:
    return sha256_text(json.dumps([pair.prompt, pair.chosen, pair.rejected]))


def first_lines(left_out: Sequence[LeftOut], *, most: int) -> list[str]:
    """The first rows whose own content is at fault, for people to look up."""
    told = [row for row in left_out if row.reason not in ("seen_in_training", "repeated", "not_drawn")]
    return [f"line {row.line}: {row.reason}" for row in told[:most]]
