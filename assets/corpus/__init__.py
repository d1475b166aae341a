"""The embedded example corpus: conditions, criteria, fragments, instructions. Synthetic, not medical advice."""
