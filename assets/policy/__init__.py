"""The policy, its rollouts and its benchmark."""
