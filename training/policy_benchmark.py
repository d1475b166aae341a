"""`python -m training.policy_benchmark`: the stage alone, without an orchestrator."""

import sys

from training.launch import main

if __name__ == "__main__":
    sys.exit(main("policy_benchmark"))
