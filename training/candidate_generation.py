"""`python -m training.candidate_generation`: the stage alone, without an orchestrator."""

import sys

from training.launch import main

if __name__ == "__main__":
    sys.exit(main("candidate_generation"))
