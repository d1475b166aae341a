"""The random base model: the smoke profile's shape, bitwise equal by seed, BOS in front after saving."""

import hashlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from training.base_model.config import BaseModelConfig
from training.base_model.stage import run
from training.config import load_config
from training.errors import StageRefusal

TEXTS = [f"Is aspirin {n} mg safe for a child with fever, or should I call the doctor on day {n}?" for n in range(40)]


@pytest.fixture
def instructions(tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()
    pq.write_table(pa.table({"text": TEXTS}), folder / "raw_instructions.parquet")
    return folder


def make(folder, inputs, **changes):
    config = load_config(BaseModelConfig, stage="base_model", profile="smoke").model_copy(update=changes)
    folder.mkdir()
    return run(config=config, inputs={"raw_instructions": inputs}, output=folder)


def hashes(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def test_equal_seeds_give_equal_files(tmp_path, instructions):
    make(tmp_path / "a", instructions)
    make(tmp_path / "b", instructions)
    make(tmp_path / "c", instructions, seed=1)
    first, second, third = (hashes(tmp_path / name) for name in "abc")
    assert first == second
    assert {name for name in first if first[name] != third[name]} == {"model.safetensors"}


def test_the_order_of_rows_changes_nothing(tmp_path, instructions):
    make(tmp_path / "a", instructions)
    pq.write_table(pa.table({"text": TEXTS[::-1]}), instructions / "raw_instructions.parquet")
    make(tmp_path / "b", instructions)
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b")


def test_what_was_saved_loads_and_puts_bos_in_front(tmp_path, instructions):
    metadata = make(tmp_path / "a", instructions)
    assert metadata["family"] == "qwen3" and metadata["license"] and 1_000_000 < metadata["parameters"] < 2_000_000
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "a")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "a")
    text = "Fièvre – 38,5 °C? 🤒"
    ids = tokenizer(text)["input_ids"]
    assert ids[0] == tokenizer.bos_token_id == model.config.bos_token_id
    assert tokenizer.decode(ids[1:]) == text
    assert len({tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id}) == 3
    assert model.config.pad_token_id == tokenizer.pad_token_id
    assert len(tokenizer) <= model.config.vocab_size
    turns = [{"role": "user", "content": "Is it safe?"}]
    prompt = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    assert prompt == "<bos>Question: Is it safe?\n\nAnswer:"


def test_without_instructions_there_is_no_tokenizer(tmp_path, instructions):
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), instructions / "raw_instructions.parquet")
    with pytest.raises(StageRefusal, match="no row"):
        make(tmp_path / "a", instructions)
