"""`python -m training.reward_model_cell`: the stage alone, without an orchestrator."""

import sys

from training.launch import main

if __name__ == "__main__":
    sys.exit(main("reward_model_cell"))
