"""Where in a text a person's name stands, told by what announces it.

What belongs here: the announcements (cues). How far a name reaches is in `personal_data_reach.py`.

A known given name needs no announcement where a verb of a person's follows ("Emma has", "Rajesh Kulkarni was"); a mere surname
is not enough, since half of medicine is called after somebody ("Pierre Robin sequence").

Strong cues take any capitalized word that is no everyday word: "my name is …", "Name: …", a title (Dr, Mr, Nurse …), a
signature after "Regards" or "Thanks". Weak ones take only known given names: "I am …", "my son …", a greeting. An eponym is
spared where a disease follows ("Dr. Down syndrome") and after weak cues ("my father Parkinson's"). In texts that Capitalize
Most Words, every cue but an introduction is weak. In lower case a name is found after an introduction, a greeting or a
closing formula.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from assets.instructions.personal_data_lexicon import AMBIGUOUS_NAMES, GIVEN_NAMES, KIN, KIN_STEMS
from assets.instructions.personal_data_reach import capitalizes_most_words, name_end
from assets.instructions.personal_data_spans import Span

_GREETING = r"(?:hi|hello|hey|dear|hiya|greetings|namaste|good\s+(?:morning|afternoon|evening|day))(?:\s+there)?"
_CLOSING = (
    r"(?:thanks?(?:\s+you)?(?:\s+(?:so|very)\s+much|\s+a\s+lot|\s+again|\s+in\s+advance|\s+and\s+regards)?|thx"
    r"|(?:kind(?:est)?\s+|best\s+|warm(?:est)?\s+)?regards|sincerely(?:\s+yours)?|yours\s+(?:truly|sincerely|faithfully)"
    r"|best\s+wishes|all\s+the\s+best|cheers|respectfully|love(?=[ \t]*[,\n]))"
)
_TITLE = r"(?:Drs?|DR|Mr|MR|Mrs|MRS|Ms|Mx|Prof)\b\.?|(?:Doctor|doctor|Nurse|nurse|Professor|professor|Miss|Mister|Sister)\b"
# "Ask your doctor", in a heading that goes on with a capital, is no title.
_NO_ARTICLE = r"(?<![Yy]our )(?<![Tt]he )(?<!\b[Aa] )(?<![Aa]ny )"
_OWNER = (
    rf"(?:my|his|her|their|your|(?:the\s+)?(?:doctor|nurse|physician|surgeon|{KIN})['’]s)"
    r"\s+(?:(?:full|first|last|real|given)\s+)?name"
)
_UNAMBIGUOUS = frozenset(name for name in GIVEN_NAMES - AMBIGUOUS_NAMES if len(name) > 2)
_CAPITALIZED = r"[^\W\d_a-z][^\W\d_A-Z]+"
_VERBS = "has|had|is|was|took|takes|fell|said|says|told|got|gets|went|will|cannot|refuses|complains|needs"
# RE2, as pyarrow runs it over a column: one alternative per cue below, each a little wider than its cue.
PREFILTER = (
    r"(?i:\b(?:my|his|her|their|your|\pL+['’]s)\s+(?:\pL+\s+)?name\b|(?:^|[\n;,(|]|\b(?:patient|full|first|last|sur)(?:['’]s)?)"
    r"[ \t]*name\s*[:=-]|\bcall(?:s|ed)?\s+me\b|\bi(?:['’]?m|\s+am)\s+called\b)"
    rf"|(?i:\b(?:{KIN}|man|woman|lady|gentleman|person|doctor|nurse)s?,?\s+(?:(?:is|was)\s+)?(?:named|called)\s)"
    r"|\b(?:Drs?|DR|Mr|MR|Mrs|MRS|Ms|Mx|Prof|[Dd]octor|[Nn]urse|[Pp]rofessor|Miss|Mister|Sister)\b\.?\s*\p{Lu}"
    # A greeting to a nameless "doctor" or "dr" opens every other message: only "doctor X" passes.
    r"|(?i:(?:^|[\n.!?])\s*(?:hi|hello|hey|dear|hiya|greetings|namaste|good\s+(?:morning|afternoon|evening|day))(?:\s+there)?\b"
    r"[\t ,]+(?:d(?:octo)?r\.?[\t ]+\p{L}|[a-ce-z\x{80}-\x{10ffff}]|d[^or]|do[^c]|dr[a-z]))"
    r"|(?i:\b(?:thank|thx|regards|sincerely|yours|wishes|all\s+the\s+best|cheers|respectfully|love)[^:;?]*\S\s*$)"
    rf"|(?i:\b(?:{KIN}))[\t ]*,?[\t ]+\p{{Lu}}\p{{Ll}}"
    r"|\b(?:I['’]?m|I\s+am|[Tt]his\s+is|[Ii]t['’]?s)\s+\p{Lu}|\n\s*[~–-]?\s*\p{Lu}\p{Ll}+\s*$|^\s*\p{Lu}\p{Ll}+\s+here\b"
    r"|\p{Lu}\p{Ll}+,?\s+(?:M\.?D|MBBS|R\.?N|Ph\.?D)\b"
    r"|\b[Pp]atient\s*[:=]\s*\p{Lu}"
)
# Where a given name could stand unannounced; that one does is looked up, since a pattern of a thousand names is slow.
GIVEN_PREFILTER = rf"\p{{Lu}}\p{{Ll}}+(?:[ \t]+\p{{Lu}}\p{{Ll}}+)?[ \t]+(?:{_VERBS})\b|(?i:\bi['’]?m\s|\bi\s+am\s)"
_COULD_BE_GIVEN = re.compile(
    rf"(?<![\w-])({_CAPITALIZED})(?=(?:[ \t]+{_CAPITALIZED})?[ \t]+(?:{_VERBS})\b)|\b[Ii](?:['’]?m|\s+am)\s+([^\W\d_]+)"
)
_DEGREE = r",?\s+(?:M\.?D|MBBS|R\.?N|Ph\.?D)\b"
_CLAUSE_ENDS = re.compile(r"\s*(?:[,!.:;\n–-]|$)")
_AGE_FOLLOWS = re.compile(r"\s*[(,]\s*(?:aged?\s+|now\s+)?\d{1,3}\s*(?:\)|,|y(?:o|ears?|rs?)?\b|months?\b)", re.IGNORECASE)
# A line may follow a signature: where it was written.
_TEXT_ENDS = re.compile(r"[\s.!,~–-]*(?:\n[^\n.?!]{1,25})?[\s.!,~–-]*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cue:
    """What announces a name.

    Attributes:
        pattern: stands right before the name.
        hints: one of these is in every (lower-cased) text with the pattern; cheaper to look for than the pattern.
        weak: only a known given name is taken.
        lower: names in lower case are taken too; `given`: if they are known given names.
        ends: what must follow the name.
        always: not weakened in a text that capitalizes most words.
        tail: looked for in the last characters only.
        word: what the pattern's group `word` must be; cheaper than this many alternatives in the pattern. `words`: or one of
            these, in lower case.
    """

    pattern: re.Pattern[str]
    hints: tuple[str, ...]
    weak: bool = False
    lower: Literal["no", "given", "any"] = "no"
    ends: re.Pattern[str] | None = None
    always: bool = False
    tail: bool = False
    word: re.Pattern[str] | None = None
    words: frozenset[str] | None = None


def _i(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_TAIL = 120
_WORD_BEFORE_CAPITAL = re.compile(r"(?<![A-Za-z])(?P<word>[A-Za-z-]+)[ \t]*,?[ \t]+(?=[^\W\d_a-z][^\W\d_A-Z])")
_NAMED = rf"\b(?:{KIN}|man|woman|lady|gentleman|person|doctor|nurse)s?,?\s+(?:(?:is|was)\s+)?(?:named|called)\s+"
_START = r"(?:^|[\n.!?])\s*"
_GREETINGS = ("hi", "hello", "hey", "dear", "greetings", "namaste", "good")
_CUES = (
    _Cue(pattern=_i(rf"\b{_OWNER}(?:['’]s|\s+is)?\s*[:=-]?\s+"), hints=("name",), lower="any", always=True),
    _Cue(pattern=_i(r"\b(?:call(?:s|ed)?\s+me|(?:i['’]?m|i\s+am)\s+called)\s+"), hints=("call",), always=True),
    _Cue(
        pattern=_i(r"(?:^|[\n;,(|]|\b(?:patient|full|first|last|sur)(?:['’]s)?)[ \t]*name\s*[:=-]\s*"),
        hints=("name",),
        always=True,
    ),
    _Cue(pattern=_i(_NAMED), hints=("named", "called"), always=True),
    _Cue(
        pattern=re.compile(rf"{_NO_ARTICLE}\b(?:{_TITLE})[ \t]*"),
        hints=("dr", "mr", "ms", "mx", "prof", "doctor", "nurse", "miss", "mister", "sister"),
    ),
    _Cue(
        pattern=_i(rf"{_START}{_GREETING}[ \t,]+(?:dr|doctor|mr|mrs|ms)\b\.?[ \t]+"),
        hints=_GREETINGS,
        lower="any",
        ends=_CLAUSE_ENDS,
    ),
    _Cue(pattern=_i(rf"{_START}{_GREETING}[ \t,]+"), hints=_GREETINGS, weak=True, lower="given"),
    _Cue(pattern=_i(rf"{_START}dear[ \t]+"), hints=("dear",), ends=re.compile(r"\s*[,!:\n]")),
    _Cue(
        pattern=_i(rf"\b{_CLOSING}[ \t,.!\n~–-]+"),
        hints=("thank", "thx", "regards", "sincerely", "yours", "best", "cheers", "respectfully", "love"),
        lower="given",
        ends=_TEXT_ENDS,
        tail=True,
    ),
    _Cue(pattern=re.compile(r"\n\s*[~–-]?\s*"), hints=("\n",), weak=True, ends=_TEXT_ENDS, tail=True),
    _Cue(pattern=_WORD_BEFORE_CAPITAL, hints=KIN_STEMS, word=_i(KIN), weak=True),
    _Cue(
        pattern=_i(r"\b(?:i['’]?m|i\s+am|this\s+is|it['’]?s)\s+"),
        hints=("i am", "i'm", "i’m", "im ", "this is", "it's", "it’s", "its "),
        weak=True,
        lower="given",
    ),
    _Cue(
        pattern=re.compile(r"\b[Pp]atient\s*[:=]\s*(?=[^\W\d_a-z][^\W\d_A-Z]+[ \t]+[^\W\d_a-z])"),
        hints=("patient",),
        always=True,
    ),
    _Cue(pattern=_WORD_BEFORE_CAPITAL, hints=KIN_STEMS, word=_i(KIN), ends=_AGE_FOLLOWS),
    _Cue(pattern=re.compile(r"\bDrs\.?[ \t]+[^\W\d_a-z]\w+(?:,[ \t]+[^\W\d_a-z]\w+)*[ \t]+and[ \t]+"), hints=("drs",)),
    _Cue(
        pattern=re.compile(rf"(?<![\w-])(?=(?P<word>{_CAPITALIZED})(?:[ \t]+{_CAPITALIZED})?[ \t]+(?:{_VERBS})\b)"),
        hints=("",),
        words=_UNAMBIGUOUS,
        weak=True,
    ),
    _Cue(pattern=re.compile(r"^\s*"), hints=(" here",), weak=True, ends=re.compile(r"\s+here\b")),
    _Cue(
        pattern=re.compile(rf"(?<!\w)(?=[^\W\d_]\S+(?:[ \t]+[^\W\d_]\S*){{1,2}}[ \t]*{_DEGREE})"),
        hints=("m.d", " md", "mbbs", "r.n", " rn", "ph.d", "phd"),
        weak=True,
        ends=re.compile(rf"[ \t]*{_DEGREE}"),
    ),
)


def mentions_given_name(text: str) -> bool:
    """Whether a known given name stands where GIVEN_PREFILTER looks."""
    return any((match[1] or match[2]).lower() in GIVEN_NAMES for match in _COULD_BE_GIVEN.finditer(text))


def names(text: str) -> Iterator[Span]:
    """Names of persons in a text, each once, without title or possessive ending."""
    seen: set[int] = set()
    lowered = text.lower()
    titled: bool | None = None
    for cue in _CUES:
        if not any(hint in lowered for hint in cue.hints):
            continue
        for match in cue.pattern.finditer(text, max(0, len(text) - _TAIL) if cue.tail else 0):
            start = match.end()
            if start in seen or (cue.word and not cue.word.fullmatch(match["word"])):
                continue
            if cue.words is not None and match["word"].lower() not in cue.words:
                continue
            if titled is None:
                titled = capitalizes_most_words(text)
            weak = cue.weak or (titled and not cue.always)
            given = weak or (cue.lower == "given" and text[start : start + 1].islower())
            end = name_end(text, start, weak=given, lower=cue.lower != "no")
            if end is not None and (cue.ends is None or cue.ends.match(text, end)):
                seen.add(start)
                yield Span(start, end, "name")
