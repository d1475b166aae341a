"""`python -m training.reward_model`: the stage alone, without an orchestrator."""

import sys

from training.launch import main

sys.exit(main("reward_model"))
