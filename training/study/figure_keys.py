"""The names of the figures that the study compares, for whoever measures them and whoever shows them.

What belongs here: section, tier and metric of them, and nothing else. Free of numpy, so that a page takes them from here.
"""

from __future__ import annotations

Key = tuple[str, str, str]

# K-QA's labels of people on real answers, and the tier of all its statements; see `table.py`.
KQA_SECTION, STATEMENTS = "kqa_held_out", "main+bonus"
PAIRWISE: Key = ("pairwise", "macro", "accuracy")
DISCORDANT: Key = ("pairwise", "micro", "accuracy_discordant")
OVERALL: Key = ("overall", "all", "accuracy")
SAFETY: Key = ("safety", "veto", "f1")
KQA_AUC: Key = (KQA_SECTION, STATEMENTS, "auc")
# The figures that are compared, of the full model with every variant and with lexical overlap: one family for Holm's
# correction, chosen before any figure was seen.
COMPARED: tuple[Key, ...] = (PAIRWISE, DISCORDANT, OVERALL, SAFETY, KQA_AUC)
