"""Responses whose verdicts are known by construction: composed from fragments, or edited from a physician's answer."""
