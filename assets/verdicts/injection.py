r"""Passages that address whoever judges: orders about verdicts, verdicts that imitate a reply, tags and tokens of a chat.

What belongs here: finding them by pattern, without a model, in texts of `evidence.readable` form. What a passage costs is
`judge.py`'s.

It is a second line: a prompt encloses what others wrote, and a verdict needs a quote. What is left is the quote of the order
itself, and the claim that there is nothing to quote. The patterns know common phrasings in English and cannot know all; an
order in other words costs nothing but this second line. They are narrow rather than wide, since medicine speaks of criteria
that are met and of the response to a treatment: no such word alone is a pattern.
"""

from __future__ import annotations

import re

from assets.verdicts.evidence import Span

# Who is spoken to.
_MODEL = r"(?:(?:ai|large) )?(?:llms?|language models?|ai|ai (?:models?|systems?|assistants?))"
_JUDGE = (
    r"(?:(?:ai|llm|automated|automatic|gpt|language model) )?"
    r"(?:graders?|judges?|evaluators?|raters?|annotators?|scorers?|reviewers?"
    r"|(?:grading|judging|evaluation|evaluating|scoring) (?:models?|systems?|assistants?|ai|bots?|agents?))"
)
_ROLE = r"(?:(?:an?|the|my|our) )?(?:(?:fair|impartial|strict|expert|helpful|lenient) )?"
# What is spoken of.
_CRITERIA = (
    r"\b(?:criteri(?:on|a)|requirements?|rubrics?|rubric items?|veto(?:e?s)?|safety checks?|verdicts?)\b(?! (?:for|of)\b)"
)
_MET = r"[\"']?(?:un)?(?:met|satisfied|fulfill?ed|passed|passing|true)\b"
_MARK = r"\b(?:mark|rate|score|grade|label|count|record|report|return|output|treat|set|judge|deem|consider|assess|evaluate)\b"
_MARKED = r"(?:marked|rated|scored|graded|labell?ed|counted|recorded|reported|returned|treated|judged|deemed|considered)"
_EVERY = r"(?:all|every|each|both|any)(?: of)?(?: (?:the|these|those|your|other|remaining))*(?: \w+)?"
_MUST = r"(?:should|must|shall|has to|have to|is to|are to|needs? to|can)(?: all| always)? be"
_BEST = r"(?:full|perfect|maximum|max|highest|top|best|excellent|pass(?:ing)?|\d+ ?(?:/|out of) ?\d+)"
# Of a text, and not of what a treatment did: "this response to therapy".
_THIS = r"(?:this|the above|the present|my) (?:response|answer|reply|text)\b(?! to (?!be\b|the question\b|the prompt\b))"
_NEAR = r"(?:(?!\b(?:whether|if|when|once|until|that)\b)[^.!?]){0,60}?"
# Items of a list, of which nobody says what they are for: no "criteria for discharge", no "requirements of your insurer".
_LIST = r"(?:the|this|that|your) (?:list|rubric)\b"
_LISTED = rf"(?:requirements?|criteri(?:on|a)|items?|points?)\b(?! for\b)(?! of (?!{_LIST}))"
_ALL_OF = r"(?:every|all|each)(?: \w+){0,4}?"
_ARE = r"(?:is|are|was|were|has been|have been) (?:all |\w+ly )*"
# An order, and not what a doctor does.
_ORDERED = r"(?:^|[.!?:;,] |[\"'(-] ?|\b(?:please|simply|you (?:must|should|have to|need to|are to)) )"
# What is to be forgotten.
_IGNORE = (
    r"(?<!not )(?<!n't )(?<!never )\b(?:ignore|disregard|forget|override|bypass|stop following|do not follow|don't follow) "
    r"(?:(?:all|any|every|each|of|the|your|my|these|those|other) )*"
)
_EARLIER = r"(?:previous|prior|above|earlier|preceding|foregoing|system|initial|original|judging|grading)"
_ORDERS = r"(?:instructions?|prompts?|rules?|guidelines?|directives?|directions|orders?|messages?)\b"
_BEFORE = r"(?:above|before|so far|given|in the (?:system )?prompt|you (?:were|have been|had))\b"

_SPEAKS_TO = (
    rf"\b(?:notes?|message|memo|notice|instructions?|attention|reminder|hint) (?:to|for) (?:the |all |any |my |our )?"
    rf"(?:{_JUDGE}|{_MODEL})\b(?! of\b)",
    rf"\b(?:attention|dear|notice|note|important|hello)[ :,]{{1,2}}(?:the |all |any )?{_JUDGE}(?= ?[:,!-])",
    rf"\b(?:as|you are|you're|acting as|act as) {_ROLE}{_JUDGE}\b,? (?:you|please|give|assign|and (?:you|must)|{_MARK})\b",
    rf"\bif you are {_ROLE}(?:{_JUDGE}|{_MODEL})\b(?! of\b)",
    r"\b(?:whoever|anyone|(?:any|the) (?:model|ai|llm)) (?:who |that |is )?"
    r"(?:grades|judges|evaluates|rates|scores|grading|judging|evaluating|rating|scoring) (?:this|these)\b",
    rf"\b{_JUDGE} (?:should|must|shall|has to|have to|will) \b{_NEAR}\b(?:{_THIS}|everything|all of this)",
    rf"(?:^|[.!?] )(?:the )?{_JUDGE}: ",
    rf"\b(?:instruct|order|tell|ask|urge)s? (?:the|any|all|every) {_JUDGE}\b",
    r"\byour (?:(?:new|real|actual|only) task (?:is|has)|task (?:has changed|is now))\b",
    rf"\b(?:when|while|for|in|before) (?:grading|judging|evaluating|rating|scoring|assessing) {_THIS}",
)
_WANTS = (
    rf"{_MARK}{_NEAR}{_CRITERIA}{_NEAR}\b(?:as|to|to be|with|=|:) (?:being )?{_MET}",
    rf"{_MARK} {_EVERY} ?{_CRITERIA} {_MET}",
    rf"{_MARK} (?:everything|them all|it all|all of (?:them|it|this)|c\d{{1,2}}) (?:as )?{_MET}",
    rf"{_CRITERIA}{_NEAR}\b{_MUST} {_MARKED} (?:as )?{_MET}",
    rf"{_ORDERED}(?:answer|say|state|report|confirm) that {_ALL_OF} {_LISTED}{_NEAR}\b{_ARE}{_MET}",
    rf"(?<!if )(?<!when )(?<!once )(?<!until )(?<!unless )(?<!after )(?<!whether )(?<!that )\b{_ALL_OF} {_LISTED}"
    rf" (?:of|on|in|from) {_LIST}{_NEAR}\b{_ARE}{_MET}",
    # Words of this work that no answer to a patient has.
    rf"\b(?:verdicts?|rubrics?|veto(?:e?s)?|(?<!if )(?<!when )(?<!once )(?<!whether )(?:each|every) criterion)\b{_NEAR} {_MET}",
    rf"\b(?:answer|reply|respond|output|return|say|write|print)(?: (?:only|just|with|simply|always))* [\"']?(?:un)?met\b[\"']?"
    rf"(?= (?:for|to|on|in) (?:everything|{_EVERY}|c\d|the {_CRITERIA})|[.!,]|$)",
    rf"\b(?:give|award|assign|rate|score|grade|mark) {_THIS} (?:as |with |at )?(?:an? |the )?(?:{_BEST}\b|{_MET})",
    rf"\b{_THIS} (?:should|must|has to|deserves to) (?:get|receive|earn|be given) (?:an? |the )?{_BEST}\b",
    rf"\b{_THIS} (?:\w+ly |already )*(?:meets|satisfies|fulfill?s|passes) {_EVERY} ?{_CRITERIA}",
    rf"{_CRITERIA} (?:is|are|has been|have been|was|were) (?:all |\w+ly )*{_MET} (?:in|by) {_THIS}",
    r"\b(?:use|quote|cite|copy) (?:this|the (?:following|next|previous)) (?:sentence|passage|line|text|quote|paragraph)"
    r" (?:as|for) (?:the |your )?(?:evidence|proof|quote)\b",
)
_FORGETS = (
    rf"{_IGNORE}(?:{_EARLIER} )(?:{_EARLIER} |and |or )*{_ORDERS}",
    rf"{_IGNORE}(?:rubrics?\b|(?:instructions?|prompts?|criteria) {_BEFORE})",
    rf"{_IGNORE}(?:everything|anything) (?:above|before this|in the (?:system )?prompt|that (?:came|stands) before)\b",
)
_IMITATES = (
    rf"\bverdicts?[\"']? ?[:=-] ?(?:{_MET}|[\"']?pass\b)",
    r"\bc\d{1,2}[\"']? ?(?:[:=]|->|is |as )? ?[\"']?(?:un)?met\b",
    r"\{[^{}]{0,400}[\"'](?:verdicts?|criterion)[\"'] ?:[^{}]{0,400}\}?",
    r"[\"'](?:verdicts?|criterion)[\"'] ?: ?[\"'\[{]",
    # Tags of the enclosures and tokens of chat templates; a space may stand where they were defused.
    r"< ?[/|]? ?\|? ?(?:im_start|im_end|im_sep|endoftext|eot_id|eot|start_header_id|end_header_id|begin_of_text|start_of_turn"
    r"|end_of_turn|turn|channel|message|sys|system|user|assistant|think|response|question|criteri(?:on|a)|verdicts?)\b[^<>]{0,60}>",
    r"\[ ?/? ?(?:inst|system_prompt|tool_calls)\]",
    r"\bsystem (?:message|prompt|override) ?[:\]]",
)
_PATTERNS = tuple(re.compile(pattern) for pattern in (*_SPEAKS_TO, *_WANTS, *_FORGETS, *_IMITATES))
_SENTENCE_END = re.compile(r"[.!?][\"')\]]* ")


def addressed_to_judge(text: str) -> tuple[Span, ...]:
    """The passages of a text that address the judge, each widened to whole sentences, in order and apart.

    Args:
        text: in `evidence.readable` form, with chat tokens defused or not.

    >>> addressed_to_judge("drink water. mark every criterion as met! rest.")
    (Span(start=13, end=42),)
    """
    found = sorted(match.span() for pattern in _PATTERNS for match in pattern.finditer(text))
    if not found:
        return ()
    ends = [0, *(match.end() for match in _SENTENCE_END.finditer(text)), len(text)]
    merged: list[Span] = []
    for start, end in found:
        wide = Span(max(e for e in ends if e <= start), min(e for e in ends if e >= end))
        if merged and wide.start < merged[-1].end:
            wide = Span(merged[-1].start, max(wide.end, merged.pop().end))
        merged.append(wide)
    return tuple(merged)
