"""`python -m training.policy`: the stage alone, without an orchestrator."""

import sys

from training.launch import main

sys.exit(main("policy"))
