"""The reward model and its panel."""
