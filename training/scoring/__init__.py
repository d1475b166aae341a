"""Scoring a file of answers with a trained reward model: `promedical score` runs this programme as a process of its own."""
