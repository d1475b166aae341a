"""Verdicts: whether a response meets a criterion, said by models and by people."""
