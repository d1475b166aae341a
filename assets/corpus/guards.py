"""Statistics that keep the embedded corpus from being a toy: what a model could exploit without reading for meaning.

What belongs here: pure functions from conditions to figures. Tests hold the bounds; `python -m assets.corpus.guards FILE …`
prints the figures while writing a condition.
"""

from __future__ import annotations

import sys
from pathlib import Path

from assets.corpus.schema import Condition, CorpusCriterion, CorpusError, load_condition
from training.benchmark.baselines import lexical_overlap
from training.benchmark.metrics import auc


def overlap_auc(criteria: list[CorpusCriterion]) -> float:
    """AUC of lexical overlap with the criterion's text at telling a fragment that meets it from one that contradicts it.

    Returns:
        0.5 where the words alone say nothing, 1.0 where they say everything.
    """
    pairs = [
        (lexical_overlap(response=text, criterion=criterion.text), met)
        for criterion in criteria
        if criterion.contradicted
        for met, texts in ((True, criterion.met), (False, criterion.contradicted))
        for text in texts
    ]
    return auc([met for _, met in pairs], [score for score, _ in pairs])


def length_auc(criteria: list[CorpusCriterion]) -> float:
    """AUC of a fragment's length in characters at telling one that meets its criterion from one that misses it."""
    pairs = [
        (float(len(text)), met)
        for criterion in criteria
        for met, texts in ((True, criterion.met), (False, criterion.missed))
        for text in texts
    ]
    return auc([met for _, met in pairs], [score for score, _ in pairs])


def ngrams(text: str, n: int = 8) -> set[tuple[str, ...]]:
    """All runs of n lower-cased words of a text, punctuation stripped."""
    words = [word for word in ("".join(c for c in raw if c.isalnum()) for raw in text.lower().split()) if word]
    return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}


def condition_texts(condition: Condition) -> list[str]:
    """Every text of a condition that its own split can show to a model (benchmark: last paraphrase, else: the others)."""
    held_out = condition.split == "benchmark"
    texts = [instruction.text for instruction in condition.instructions]
    for criterion in condition.criteria:
        texts.append(criterion.text)
        for paraphrases in (criterion.met, criterion.missed):
            texts.extend(paraphrases[-1:] if held_out else paraphrases[:-1])
    return texts


def main(paths: list[str]) -> int:
    """Prints, for each file, whether it is well formed and its guard figures."""
    failed = False
    everything: list[CorpusCriterion] = []
    for path in paths:
        try:
            condition = load_condition(Path(path))
        except CorpusError as error:
            print(f"ERROR {error}")
            failed = True
            continue
        criteria = list(condition.criteria)
        everything += criteria
        print(
            f"ok {condition.condition:32s} criteria {len(criteria)}  contradicted {sum(bool(c.contradicted) for c in criteria)}"
            f"  overlap AUC {overlap_auc(criteria):.2f}  length AUC {length_auc(criteria):.2f}"
        )
    if everything:
        print(f"all files: overlap AUC {overlap_auc(everything):.3f}  length AUC {length_auc(everything):.3f}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
