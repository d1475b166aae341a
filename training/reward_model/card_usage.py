"""The part of the model card that shows how to use the checkpoint: code that runs as it stands, without this project.

What belongs here: the snippet. It repeats the template of `prompt.py` and the reading of `calibration.json` in plain words; a
test runs it as written in the card and holds it against the scorer.
"""

from __future__ import annotations

from training.reward_model.prompt import TIER_WORDS, Conditioning

# What the snippet says of its folder; whoever runs it names their own.
FOLDER_LINE = 'folder = "."  # where this card lies'

_RESPONSE, _CRITERION = "Response: {response.strip()}", "Criterion ({word}): {criterion.strip()}"
# The pieces after the instruction, the last of which is read at its end.
_PIECES: dict[Conditioning, tuple[str, str]] = {
    "criterion_last": (rf"{_RESPONSE}\n\n", rf"{_CRITERION}\nMet:"),
    "criterion_first": (rf"{_CRITERION}\n\n", rf"{_RESPONSE}\nMet:"),
    "none": (rf"{_RESPONSE}\n\n", "Good:"),
}


def usage_snippet(conditioning: Conditioning) -> str:
    """Python that loads the checkpoint by plain transformers, and scores one response on one criterion."""
    scalar = conditioning == "none"
    second, third = _PIECES[conditioning]
    arguments = "instruction: str, response: str" if scalar else "instruction: str, response: str, criterion: str, tier: str"
    told = "any number, higher is better overall" if scalar else "any number, higher means rather met"
    words = "{" + ", ".join(f'"{tier}": "{word}"' for tier, word in TIER_WORDS.items()) + "}"
    word = "" if scalar else f"    word = {words}[tier]\n"
    last = f'"{third}"' if scalar else f'f"{third}"'
    snippet = f'''import json
import math
from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

{FOLDER_LINE}
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()


def score({arguments}) -> float:
    """r: {told}."""
{word}    pieces = [f"Instruction: {{instruction.strip()}}\\n\\n", f"{second}", {last}]
    # Each piece is encoded for itself and the ids are joined: in one text, tokens could run over the seams.
    ids = tokenizer(pieces[0])["input_ids"]
    for piece in pieces[1:]:
        ids += tokenizer(piece, add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids])).logits.item()
'''
    return snippet if scalar else snippet + _READING


_READING = '''

def p_met(r: float, tier: str) -> float:
    """Calibrated P(met); the verdict is met from the tier's "threshold" upwards, where the tier is "identified"."""
    fit = json.loads((Path(folder) / "calibration.json").read_text())["tiers"][tier]
    return 1 / (1 + math.exp(-(fit["slope"] * r + fit["intercept"])))
'''
