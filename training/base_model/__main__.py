"""`python -m training.base_model`: the stage alone, without an orchestrator."""

import sys

from training.launch import main

sys.exit(main("base_model"))
