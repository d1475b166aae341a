"""Errors whose message says all a user needs, and how they reach Dagster.

What belongs here: which errors those are; each stays with the noun that raises it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from assets.endpoints.errors import CallsError
from assets.instructions.sources.base import SourceError
from assets.instructions.tables import TableError
from assets.responses.compose import ComposeError
from assets.reviewing.forms import FormError
from assets.reviewing.rounds import RoundError
from assets.rubrics.review_round import ReviewError
from assets.verdicts.adjudication_draw import DrawError
from assets.verdicts.adjudication_forms import BlindingError
from assets.verdicts.adjudication_steps import VerdictsError
from training.config import ConfigError
from training.errors import StageRefusal
from training.storage import StoreError

# Their messages say all a user needs. Any other error is a defect, and keeps its traceback.
CLEAR_ERRORS = (
    ConfigError,
    StoreError,
    StageRefusal,
    SourceError,
    TableError,
    ComposeError,
    CallsError,
    FormError,
    RoundError,
    ReviewError,
    DrawError,
    BlindingError,
    VerdictsError,
)


@contextmanager
def clear_failures() -> Iterator[None]:
    """Lets an error whose message says all reach Dagster as that message alone."""
    try:
        yield
    except CLEAR_ERRORS as error:
        raise dg.Failure(str(error)) from error
