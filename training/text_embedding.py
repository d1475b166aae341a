"""`python -m training.text_embedding`: the stage alone, without an orchestrator; its code stands in `training/embedding/`."""

import sys

from training.launch import main

if __name__ == "__main__":
    sys.exit(main("text_embedding"))
