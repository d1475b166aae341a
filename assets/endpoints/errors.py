"""What a user has to know of calls that did not go through: one line each, without a secret."""


class CallsError(RuntimeError):
    """Calls to an endpoint cannot go on; the message says what to change."""


class EndpointError(CallsError):
    """The endpoint cannot be used: its address, key or model is wrong, or it went silent."""


class BudgetExceeded(CallsError):
    """The next call might have cost more than is allowed: it was not made."""


class CallsFailed(CallsError):
    """More calls than allowed stayed without a reply; all others are kept."""


class LedgerError(CallsError):
    """A file is no ledger of ours."""
