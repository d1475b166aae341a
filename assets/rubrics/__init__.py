"""Rubrics: criteria from physicians' statements and from the corpus, and the version that names a rubric."""
