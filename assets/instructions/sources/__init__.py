"""One adapter per source; `registry.py` names them."""
