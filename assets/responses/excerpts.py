"""Excerpts: answers made of some sentences of a physician's answer, in their order, between sentences on other questions.

What belongs here: drawing them, and the verdicts they give. An edit of one sentence leaves nine statements of ten met, and
answers that are nearly the same; of an excerpt about half are unmet, and its length says nothing about which.

Verdicts on a statement, given the sentences that carry it (the best one, and all that come near to it):
- all of them kept: `assumed` met, as for the physician's own answer;
- all of them left out, and no foreign sentence is near: unmet by construction;
- some kept, or no sentence carries it well: unknown, which no row says.
Leaving out is no contradiction: all vetoes are met.

For the splits that models are trained on alone: with `assumed` verdicts not counting, an excerpt has unmet criteria only, and
calibrating or measuring on these would say that nothing is ever met.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from assets.responses.alignment import AMBIGUITY, MIN_RECALL, Alignment, align, sentence_spans
from assets.responses.edited_answer import Edit, Statement
from training.benchmark.baselines import content_words, lexical_overlap
from training.records import JudgeKind, Verdict

# Sentences on other questions that an excerpt may take in: those nearest to the question, so that they are on its topic.
MAX_ASIDES = 8
MAX_TRIES = 20
SPLITS = ("rm_train", "panel_train")


def excerpts(
    answer: str,
    statements: Sequence[Statement],
    *,
    asides: Sequence[str],
    taken: Collection[str],
    number: int,
    rng: random.Random,
) -> list[Edit]:
    """At most `number` excerpts with distinct texts, each of which misses a statement; none of an answer of one sentence.

    Args:
        answer: a physician's.
        statements: of its question's rubric.
        asides: sentences on other questions; one that carries a statement is not used.
        taken: texts that there are already: an answer less one sentence may be an edit as well as an excerpt.
        number: how many are wanted.
        rng: decides which sentences are kept, and which asides stand where.
    """
    sentences = [answer[start:end] for start, end in sentence_spans(answer)]
    if len(sentences) < 2:
        return []
    alignments = [align(statement.text, sentences) for statement in statements]
    foreign = [text for text in asides if not any(carries(text, statement.text) for statement in statements)][:MAX_ASIDES]
    found: dict[str, Edit] = {}
    for _ in range(MAX_TRIES):
        if len(found) == number:
            break
        kept = frozenset(i for i in range(len(sentences)) if rng.random() < 0.5)
        verdicts = tuple(excerpt_verdict(alignment, kept) for alignment in alignments)
        if not kept or not any(verdict == "unmet" for verdict, *_ in verdicts):
            continue
        pieces = [sentences[i] for i in sorted(kept)]
        for text in rng.sample(foreign, min(len(foreign), rng.randint(0, len(sentences) - len(kept)))):
            pieces.insert(rng.randint(0, len(pieces)), text)
        text = " ".join(pieces)
        if text in taken:
            continue
        index = min(set(range(len(sentences))) - kept)
        found.setdefault(text, Edit(kind="excerpt", index=index, text=text, evidence=None, verdicts=verdicts))
    return list(found.values())


def carries(sentence: str, statement: str) -> bool:
    """Whether a sentence says so much of a statement that it may count for it."""
    return lexical_overlap(response=sentence, criterion=statement) >= MIN_RECALL


def excerpt_verdict(alignment: Alignment, kept: frozenset[int]) -> tuple[Verdict, Verdict, JudgeKind]:
    """The verdicts on a statement and its veto where only the sentences `kept` are left, and who says so."""
    best = max(alignment.recalls)
    carriers = {i for i, recall in enumerate(alignment.recalls) if recall >= best - AMBIGUITY}
    if best < MIN_RECALL or (carriers & kept and carriers - kept):
        return "unknown", "met", "assumed"
    return ("met", "met", "assumed") if carriers <= kept else ("unmet", "met", "construction")


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """A sentence of an answer, and where that answer belongs."""

    split: str
    cluster_id: str
    text: str
    words: frozenset[str]


def all_asides(answers: Mapping[str, str], home: Mapping[str, tuple[str, str]]) -> list[Aside]:
    """Every sentence of the answers, in the order of their instructions.

    Args:
        answers: instruction_id → answer.
        home: instruction_id → (split, cluster).
    """
    return [
        Aside(split=home[key][0], cluster_id=home[key][1], text=text[a:b], words=frozenset(content_words(text[a:b])))
        for key, text in sorted(answers.items())
        for a, b in sentence_spans(text)
    ]


def nearest_asides(question: str, home: tuple[str, str], asides: Sequence[Aside]) -> list[str]:
    """Sentences for an excerpt of the answer to a question, those first that share most words with it.

    They come from the question's own split, so that no split sees another's, and from other clusters, whose answers say
    something else.
    """
    wanted = content_words(question)
    usable = [aside for aside in asides if aside.split == home[0] and aside.cluster_id != home[1]]
    return [aside.text for aside in sorted(usable, key=lambda aside: -len(wanted & aside.words))]
