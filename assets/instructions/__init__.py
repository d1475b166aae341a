"""Instructions: sources and their quarantine, near-duplicate clusters, splits, and the raw tables they are written to."""
