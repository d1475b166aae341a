"""Rollouts: what a policy answers to instructions, and the one prompt template every policy is asked with."""
