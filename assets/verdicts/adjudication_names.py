"""Whether a text or a file's name tells which model wrote an answer: the rules, and why a word alone is often not enough.

What belongs here: names and wordings. What is done about a text that tells belongs to `adjudication_draw.py`, the check of what
goes out to `adjudication_blind.py`. In a text these count:

1. the name of one of the round's own models, whole word, whatever the case and whatever stands between its parts
   (`acme/med-7b`, `Med 7B`); a part of a longer name only as in 4;
2. names that are nothing else (ChatGPT, OpenAI, Qwen …), whichever models the round has;
3. names that are words besides (Bard, Llama, Gemini, PaLM … see PLAIN_WORDS) when they carry a version (`Llama 2`,
   `gemma-3`), or a maker or kind (`Google Bard`, `Claude AI`). A palm, a Bard catheter, Claude's syndrome, GPT the liver
   enzyme, the GEMINI 1 trial and "Gemma 3 years old" are none of these;
4. any of them when the text says it of itself: "As Bard, I …", "I'm Gemini", "Llama, a large language model".

A text may also say that a machine wrote it ("as an AI language model") without naming which: that tells it from a physician's,
and counts as well, under a name of its own. AI is aromatase inhibitor, too: alone it does not count.
What all this misses is a style that a reviewer knows. A project's own labels (physician, composed, edited) are ordinary words:
they count in names of files and sheets, not in texts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

# Models that are none: how this project calls what people wrote, or what was put together.
LABELS = frozenset({"physician", "composed", "edited"})
# Names of models that are words, persons or things besides.
# fmt: off
PLAIN_WORDS = frozenset({
    "alpaca", "bard", "bing", "claude", "cohere", "command", "copilot", "ernie", "falcon", "gemini", "gemma", "grok", "llama",
    "mistral", "nova", "orca", "palm", "phi", "titan", "vicuna", "zephyr",
})
# Parts of names that tell nothing.
_GENERIC = frozenset({
    "advanced", "assistant", "base", "chat", "clinical", "health", "instruct", "large", "latest", "lite", "local", "medical",
    "medium", "mini", "model", "nano", "policy", "preview", "pro", "reward", "small", "test", "the", "tiny", "turbo", "ultra",
})
# fmt: on
# A number that is an amount or an age is no version.
_NO_AMOUNT = (
    r"(?![\w.,]*\d)(?!\s*(?:%|[munµ]?g\b|m?l\b|i?u\b|u/l|units?\b|years?\b|yrs?\b|months?\b|weeks?\b|days?\b|hours?\b|times\b|x\b"
    r"|doses?\b|tablets?\b|trials?\b|stud(?:y|ies)\b))"
)
_WORDS = "|".join(sorted(PLAIN_WORDS))
_TITLED = "|".join(sorted({*(word.capitalize() for word in PLAIN_WORDS), "PaLM", "LLaMA"}))
_MAKERS = r"google|meta|microsoft|anthropic|stanford|mistral ai|hugging ?face"

_ANYWHERE = re.compile(
    r"(?<!\w)(?:[a-z]{2,}gpt|openai|deepseek|deep seek|qwen|mixtral|med-?palm|chatglm|baichuan|huatuo\w*|wizardlm|medalpaca"
    r"|meditron|perplexity ai|meta ai|mistral ai|anthropic(?! principle)|text-davinci)(?:[-.]?\d[\w.]*)?(?!\w)"
    rf"|(?<!\w)gpt[- ]?(?:[2-5](?:\.\d)?o?|4o)(?:-\w+)*(?!\w){_NO_AMOUNT}"
    rf"|(?<!\w)(?:{_MAKERS})(?:'s)?,? (?:{_WORDS})(?!\w)"
    rf"|(?<!\w)(?:{_WORDS})-v?\d+(?:\.\d+)*b?(?!\w){_NO_AMOUNT}"
    r"|(?<!\w)claude[- ](?:instant|opus|sonnet|haiku)(?!\w)|(?<!\w)gemini[- ](?:pro|ultra|flash|nano|advanced)(?!\w)"
    r"|(?<!\w)bing chat(?!\w)|(?<!\w)command[- ]r\+",
    re.IGNORECASE,
)
_VERSIONED = re.compile(rf"(?<!\w)(?:{_TITLED}) ?v?\d+(?:\.\d+)*[bB]?(?!\w){_NO_AMOUNT}")
# PaLM is written so by nobody who means the hand.
_EXACT = re.compile(r"(?<!\w)(?:PaLM|LLaMA)(?!\w)")
_MACHINE = re.compile(
    r"(?<!\w)(?:as|being|i am|i'm|i am just|i'm just|i am only|i'm only) (?:an? )?(?:"
    r"(?:large |helpful |medical |virtual )*(?:ai|artificial intelligence)[- ](?:language |powered |based |medical |health )*"
    r"(?:model|assistant|system|chatbot|chat bot|tool|program|bot)"
    r"|(?:large )?language model|llm|chatbot|virtual assistant|ai(?=,? i\b|\.|,? and )|artificial intelligence)(?!\w)"
    r"|(?<!\w)i (?:was|am|have been|'ve been) (?:trained|developed|created|built) by(?!\w)",
    re.IGNORECASE,
)
_KIND = (
    r"(?:large |helpful |medical |conversational )*(?:language model|ai\b|chat ?bot|virtual assistant|artificial intelligence)"
)


class ModelNames:
    """What would tell the models of a round.

    Args:
        models: the names under which the round's responses stand.
    """

    def __init__(self, models: Iterable[str]) -> None:
        self.models = tuple(sorted(set(models)))
        whole = {form for model in self.models for form in _forms(model)}
        parts = {part for model in self.models for part in _parts(model)}
        self._own = re.compile("|".join(f"(?:{form})" for form in sorted(whole))) if whole else None
        self._labels = {*parts, *PLAIN_WORDS, *LABELS, "gpt", "chatgpt", "openai", "anthropic", "deepseek", "qwen", "mixtral"}
        self._itself = re.compile(_itself("|".join(map(re.escape, sorted({*parts, *PLAIN_WORDS} - LABELS)))), re.IGNORECASE)

    def in_text(self, text: str) -> str | None:
        """The first wording by which a text names a model, None without one."""
        plain = _plain(text)
        for rule in (_ANYWHERE, _VERSIONED, _EXACT, self._itself):
            if found := rule.search(plain):
                return found.group()
        found = self._own.search(plain.casefold()) if self._own else None
        return found.group() if found else None

    def in_label(self, label: str) -> str | None:
        """The first word of a file's or sheet's name, a title or metadata that is part of a model's name."""
        words = re.findall(r"[^\W\d_]+", _plain(label).casefold())
        return next((word for word in words if word in self._labels), None) or self.in_text(label)


def says_machine(text: str) -> str | None:
    """The first wording by which a text says that a machine wrote it, None without one.

    >>> says_machine("As an AI language model, I cannot examine you.")
    'As an AI language model'
    >>> says_machine("As an AI, anastrozole lowers oestrogen.") is None
    True
    """
    found = _MACHINE.search(_plain(text))
    return found.group() if found else None


def _plain(text: str) -> str:
    """The text as it is read: full-width letters narrowed, what is unseen left out, one kind of dash, apostrophe, space."""
    seen = "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")
    for look, plain in (("‐‑‒–—", "-"), ("’‘`´", "'")):
        seen = re.sub(f"[{look}]", plain, seen)
    return " ".join(seen.split())


def _forms(model: str) -> list[str]:
    """Patterns for a name and its last part after a slash, on case-folded text; none for a word that is more than a name."""
    forms = []
    for name in {model, model.rsplit("/", 1)[-1]}:
        folded = _plain(name).casefold()
        pieces = re.findall(r"[^\W_]+", folded)
        if folded in LABELS | PLAIN_WORDS or not folded:
            continue
        body = r"[\W_]{0,3}".join(map(re.escape, pieces)) if pieces else re.escape(folded)
        forms.append(rf"(?<![^\W_]){body}(?![^\W_])")
    return forms


def _parts(model: str) -> set[str]:
    """Words in a name that point to it: letters alone, three or more, and not such as many names have."""
    words = re.findall(r"[^\W\d_]{3,}", _plain(model).casefold())
    return {word for word in words if word not in _GENERIC}


def _itself(names: str) -> str:
    """Wordings by which a text names itself."""
    named = rf"(?:{names})(?!\w)"
    return (
        rf"(?<!such )(?<!\w)as {named},? (?:i\b|i'm\b|an? {_KIND})"
        rf"|(?<!\w)(?:i am|i'm|my name is|i am called|i'm called) {named}"
        rf"|(?<!\w){named}(?:,| is|, which is)? (?:an?|the|your) {_KIND}"
        rf"|(?<!\w){named} (?:ai|chat ?bot|llm|language model|here!)(?!\w)"
    )
