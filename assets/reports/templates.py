"""The templates of the report and the data card, as jinja2 loads them.

What belongs here: the environment alone, so that a page hangs on no other page's tables.
"""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from assets.reports.figures import number


def environment() -> Environment:
    """Templates of this folder: everything escaped, an unknown name is an error."""
    found = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["number"] = number
    return found
