"""`python -m training.embedding`: the stage `text_embedding` alone, without an orchestrator."""

import sys

from training.launch import main

sys.exit(main("text_embedding"))
