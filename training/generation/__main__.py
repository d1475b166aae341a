"""`python -m training.generation`: the stage alone, without an orchestrator."""

import sys

from training.launch import main

sys.exit(main("generation"))
