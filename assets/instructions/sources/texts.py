"""Cleaning a text of what a web page or an export left in it, without changing what it says.

What belongs here: control and invisible characters, HTML, white space, Unicode composition. What does not: judging a text.
"""

from __future__ import annotations

import re
import unicodedata
from html import unescape

_TAGS = (
    "a|abbr|b|blockquote|br|center|code|dd|div|dl|dt|em|font|h[1-6]|hr|i|img|li|ol|p|pre|small|span|strong|sub|sup"
    "|table|tbody|td|th|thead|tr|u|ul"
)
_TAG = re.compile(rf"</?(?:{_TAGS})(?:\s[^<>]*)?/?>", re.IGNORECASE)
_BREAK = re.compile(r"<(?:br|/p|/div|/li|/tr|/h[1-6])\b[^<>]*>", re.IGNORECASE)
_SCRIPT = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,30});", re.IGNORECASE)
# Control characters but tab and line feed, C1 controls, soft hyphen, zero-width and direction marks, BOM.
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_SPACES = re.compile(r"[ \t\u00a0\u2000-\u200a\u202f\u3000]+")
_LINES = re.compile(r" ?\n ?")
_BLANK = re.compile(r"\n{3,}")
_SUSPECT = re.compile(r"[<&\t\n\x00-\x1f\x7f]|  ")


def clean_text(text: str) -> str:
    r"""The text without markup and invisible characters, its white space collapsed within lines.

    >>> clean_text("<p>Is 5&nbsp;mg  &lt; 10 mg?</p>\u200b")
    'Is 5 mg < 10 mg?'
    >>> clean_text("if BP <90 and HR >100")
    'if BP <90 and HR >100'
    """
    # Most texts are plain: one look, and they are done.
    if text.isascii() and not _SUSPECT.search(text):
        return text.strip()
    if "<" in text:
        text = _TAG.sub(" ", _BREAK.sub("\n", _SCRIPT.sub(" ", text)))
    if "&" in text:
        text = _ENTITY.sub(lambda match: unescape(match.group()), text)
    text = _INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return _BLANK.sub("\n\n", _LINES.sub("\n", _SPACES.sub(" ", text))).strip()
