"""A transparent guess at an instruction's difficulty from its words alone: no model, no network, the same number every time.

What belongs here: the scorer `lexical-v1`. Counts over the lower-cased text give points, and points a difficulty that grows
ever more slowly, so that no text reaches 10:

    points     = min(words, 96) / 6 + 0.5 · min(terms, 6) + min(reasoning, 3) + 0.5 · min(measures, 6)
                 + 0.7 · min(course, 4) + min(max(questions - 1, 0), 2)
    difficulty = 10 · points / (points + 4)

| count | of |
| --- | --- |
| words | runs without white space |
| terms | words with a clinical ending (-itis, -emia, -ectomy, -opathy, -prazole …) or of a specialist's vocabulary |
| reasoning | phrases that ask to weigh or explain ("most likely", "differential", "mechanism", "interact", "next step" …) |
| measures | numbers with a unit, laboratory values, ages |
| course | phrases of history and course ("history of", "despite", "for the past", "also has" …) |
| questions | question marks |

Departure from Geng et al. 2026, where a strong LLM gives the score: this one measures how much a text asks for at once, not how
hard medicine finds it. The weights were set by hand so that a bare "What is X?" lies below 3, a patient's message around 5 and
a case report with values above 8. Between five such settings the even rows of MedInstruct's test set decided; its labels (1 to
5) go with length, not with clinical terms, and the rank correlation stays low: see the tests for the figure.
A change of formula gets a new name.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

NAME = "lexical-v1"
FORMULA = (
    "10·p/(p + 4), p = min(words, 96)/6 + 0.5·min(terms, 6) + min(reasoning, 3) + 0.5·min(measures, 6) + 0.7·min(course, 4)"
    " + min(max(questions - 1, 0), 2)"
)
# Count → (points for each, most that count).
WEIGHTS: Mapping[str, tuple[float, int]] = {
    "words": (1 / 6, 96),
    "terms": (0.5, 6),
    "reasoning": (1.0, 3),
    "measures": (0.5, 6),
    "course": (0.7, 4),
    "questions": (1.0, 2),
}
HALF_WAY = 4.0
# RE2, as pyarrow runs it over a column of lower-cased texts.
COUNTS: Mapping[str, str] = {
    "words": r"\S+",
    "terms": (
        r"\b[a-z]{2,}(?:itis|osis|oses|a?emia|a?emic|opath(?:y|ies|ic)|ectomy|otomy|ostomy|plasty|scop(?:y|ic)|grams?|omas?"
        r"|graph(?:y|ic)|algia|penia|cytosis|plegia|paresis|troph(?:y|ic)|uria|uresis|rrh(?:o?ea|age|agic|ythmia)|megaly|stenosis"
        r"|sclerosis|thrombo[a-z]+|toxicity|genesis|lysis|phagia|p?noea|pnea|cardia|cardial|ectasis|tension|tensive|cillin|mycin"
        r"|floxacin|azole|statin|sartan|pril|olol|dipine|triptan|zepam|parin|xaban|gliptin|gliflozin|mab|tinib|vir|oxetine|oid)\b"
        r"|syndrome|deficienc|genetic|inherited|hereditary|congenital|autosomal|recessive|mutation|chromosom|enzyme|receptor"
        r"|antibod|neoplasm|malignan|metasta|chemotherap|radiotherap|isch[ae]+mi|infarct|biopsy|diabet|sepsis|renal|hepatic"
        r"|pulmonary|cardiac"
    ),
    "reasoning": (
        r"most likely|least likely|next steps?|best initial|first.line|differential|mechanism|pathophysiolog|patho?genesis"
        r"|interact|contraindicat|compare|comparison|versus|\bvs\b|interpret|evaluate|assess|explain why|rule out|work.?up"
        r"|complications?|prognosis|underlying|management|implications?|pros and cons|trade.?offs?|justify|analy[sz]e"
    ),
    "measures": (
        r"\d[\d.,]*\s*(?:%|mg|mcg|µg|ug|ml|mmol|mmhg|mm hg|g/d|iu\b|units?\b|bpm|kg|cm|mm\b|°|degrees|years?.old|y/o|yo\b"
        r"|weeks?\b|months?.old|days?\b)|\d+/\d+|\b(?:hba1c|a1c|tsh|egfr|inr|wbc|creatinine|h(?:a?emoglobin|b)|platelets?|sodium"
        r"|potassium)\b"
    ),
    "course": (
        r"history of|despite|for the (?:past|last)|since|recently|previously|after (?:taking|starting|surgery)|was diagnosed"
        r"|has been|have been|also (?:has|have|had|take|takes|taking)|in addition|worsen|recur|chronic|pregnan|allerg"
    ),
    "questions": r"\?",
}
Column = npt.NDArray[np.float64]


class LocalScorer:
    """`lexical-v1` behind the scorer protocol."""

    name = NAME

    def score(self, instructions: pa.Table) -> pa.Array:
        """Difficulty, 0 to 10, of every row's `text`."""
        return pa.array(lexical_difficulty(instructions.column("text")))


def lexical_difficulty(texts: pa.ChunkedArray | pa.Array) -> Column:
    """Difficulty, 0 to 10, of every text; see the module docstring for the formula."""
    counts = count_features(texts)
    counts["questions"] = np.maximum(counts["questions"] - 1, 0)
    points = sum(weight * np.minimum(counts[name], most) for name, (weight, most) in WEIGHTS.items())
    return np.asarray(10 * points / (points + HALF_WAY))


def count_features(texts: pa.ChunkedArray | pa.Array) -> dict[str, Column]:
    """The counts of the formula by name, each as long as `texts`."""
    lowered = pc.utf8_lower(texts)
    return {name: np.asarray(pc.count_substring_regex(lowered, pattern), dtype=np.float64) for name, pattern in COUNTS.items()}
