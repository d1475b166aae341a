"""`python -m training.scoring`: scoring without an orchestrator."""

import sys

from training.scoring.programme import main

sys.exit(main(sys.argv[1:]))
