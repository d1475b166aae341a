"""Partitions that assets of several nouns share, and which asset has which.

What belongs here: the definitions. Who adds a partition, and when, is the assets' business.
"""

import dagster as dg

# One partition per source, added when a source is first read.
SOURCES = dg.DynamicPartitionsDefinition(name="sources")
# One per round that went to physicians, and per round of adjudication: what went out and what came back share its name.
REVIEW_ROUNDS = dg.DynamicPartitionsDefinition(name="review_rounds")
ADJUDICATION_ROUNDS = dg.DynamicPartitionsDefinition(name="adjudication_rounds")
# One per cell of the study of the reward model: variant and seed.
STUDY_CELLS = dg.DynamicPartitionsDefinition(name="study_cells")
PARTITIONS_OF = {
    "source_records": SOURCES,
    "review_exports": REVIEW_ROUNDS,
    "review_rounds": REVIEW_ROUNDS,
    "adjudication_exports": ADJUDICATION_ROUNDS,
    "adjudication_rounds": ADJUDICATION_ROUNDS,
    "reward_model_cells": STUDY_CELLS,
}
