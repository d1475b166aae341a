"""GRPO with the hierarchical reward (Geng et al. 2026, METHOD section 4)."""
