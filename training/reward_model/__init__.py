"""The reward model: a criterion-conditioned classifier trained on trees of instruction, responses and criteria."""
