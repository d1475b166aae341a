"""Errors that a user meets in one line."""


class StageRefusal(RuntimeError):
    """A stage will not work on its inputs; the message says which and why."""
