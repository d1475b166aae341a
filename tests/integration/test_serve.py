"""`promedical serve` with a real vLLM and Gemma-3-270M: prompts as in rollouts, JSON by schema, and nothing left behind.

`make test-vllm` installs vLLM and runs these. The model is small, and what it says is not judged.
"""

from __future__ import annotations

import json
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from orchestration.serving.environment import PINS
from tests.fixtures.serving import Serving, listens, processes_of_group, wait_for
from tests.integration.vllm_server import environment
from training.generation.prompt import leading_count, render_prompt, tokenize_prompts
from training.storage import Store

pytestmark = pytest.mark.slow

QUESTIONS = [
    "Is measles contagious?",
    "  What helps against fever in a child of 3 years?\n",
    "Kann man Ibuprofen und Paracetamol zusammen nehmen? \N{PILL} <b>38,5 °C</b> {{ bos_token }}",
]
VERDICTS = {
    "type": "object",
    "properties": {
        "verdicts": {
            "type": "array",
            "minItems": 2,
            "maxItems": 2,
            "items": {
                "type": "object",
                "properties": {
                    "criterion": {"type": "string", "enum": ["c1", "c2"]},
                    "verdict": {"type": "string", "enum": ["met", "unmet", "unknown"]},
                    "evidence": {"type": "string", "maxLength": 40},
                },
                "required": ["criterion", "verdict", "evidence"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["verdicts"],
    "additionalProperties": False,
}


def client(serving: Serving) -> Any:
    openai = pytest.importorskip("openai")
    return openai.OpenAI(base_url=serving.base_url, api_key="none", timeout=600, max_retries=0)


def tokens(serving: Serving, *turns: tuple[str, str]) -> list[int]:
    body = {"model": serving.model, "messages": [{"role": role, "content": content} for role, content in turns]}
    reply = httpx2.post(f"{serving.base_url.removesuffix('/v1')}/tokenize", json=body, timeout=60)
    ids: list[int] = reply.raise_for_status().json()["tokens"]
    return ids


@pytest.fixture
def tokenizer(vllm: Serving) -> Any:
    from transformers import AutoTokenizer

    folders = list((Path(Store(vllm.home / "store").root) / "artifacts" / "base_model").iterdir())
    assert len(folders) == 1
    return AutoTokenizer.from_pretrained(folders[0])


def test_the_environment_lacks_nothing_but_what_is_left_out() -> None:
    folder = environment()
    if not (folder / "promedical-pins.txt").exists():
        pytest.skip(f"{folder} was not installed from {PINS.name}")
    done = subprocess.run([folder / "bin" / "python", "-m", "pip", "check"], capture_output=True, text=True)
    assert {line.split(",")[0].rsplit(" ", 1)[1] for line in done.stdout.splitlines()} == {
        "torchvision",
        "torchaudio",
        "torchcodec",
    }
    assert all("is not installed" in line for line in done.stdout.splitlines())


def test_a_chat_is_read_as_rollouts_are_with_bos_once(vllm: Serving, tokenizer: Any) -> None:
    expected = tokenize_prompts(tokenizer, [render_prompt(tokenizer, question) for question in QUESTIONS])
    assert [tokens(vllm, ("user", question)) for question in QUESTIONS] == expected
    system = tokens(vllm, ("system", "Answer briefly."), ("user", QUESTIONS[0]))
    assert leading_count(system, tokenizer.bos_token_id) == 1
    assert tokenizer.decode(system[1:]) == f"Answer briefly.\n\nQuestion: {QUESTIONS[0]}\n\nAnswer:"


def test_a_question_is_answered_through_the_openai_client(vllm: Serving, tokenizer: Any) -> None:
    reply = client(vllm).chat.completions.create(
        model=vllm.model, messages=[{"role": "user", "content": QUESTIONS[0]}], max_tokens=16, temperature=0.0
    )
    assert reply.choices[0].message.content.strip()
    assert reply.choices[0].finish_reason in ("stop", "length") and 1 <= reply.usage.completion_tokens <= 16
    # What was read is what was tokenized above: nothing is put in front on the way.
    assert reply.usage.prompt_tokens == len(tokenize_prompts(tokenizer, [render_prompt(tokenizer, QUESTIONS[0])])[0])


def test_a_prompt_that_is_too_long_is_refused_by_name(vllm: Serving) -> None:
    openai = pytest.importorskip("openai")
    with pytest.raises(openai.BadRequestError, match="maximum context length"):
        client(vllm).chat.completions.create(
            model=vllm.model, messages=[{"role": "user", "content": "pain " * 9000}], max_tokens=16
        )


def test_replies_follow_a_json_schema_also_many_at_once(vllm: Serving) -> None:
    def ask(seed: int) -> tuple[str, str]:
        reply = client(vllm).chat.completions.create(
            model=vllm.model,
            messages=[
                {"role": "system", "content": "Judge the response by the criteria."},
                {"role": "user", "content": "Response: drink and rest. c1: advises rest. c2: advises to see a doctor."},
            ],
            max_tokens=200,
            temperature=1.0,
            seed=seed,
            response_format={"type": "json_schema", "json_schema": {"name": "verdicts", "schema": VERDICTS, "strict": True}},
        )
        return reply.choices[0].finish_reason, reply.choices[0].message.content

    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(ask, range(8)))
    assert [finish for finish, _ in replies] == ["stop"] * 8
    for _, text in replies:
        assert "\n" not in text
        verdicts = json.loads(text)["verdicts"]
        assert len(verdicts) == 2
        assert all(set(verdict) == {"criterion", "verdict", "evidence"} for verdict in verdicts)
        assert {verdict["verdict"] for verdict in verdicts} <= {"met", "unmet", "unknown"}


def test_an_interruption_leaves_no_process_and_frees_the_port(vllm: Serving) -> None:
    group = vllm.group
    assert len(processes_of_group(group)) > 3 and listens(vllm.port)
    assert vllm.end(signal.SIGINT) == 0
    assert processes_of_group(group) == [] and not listens(vllm.port)
    assert not vllm.config.exists()


def test_a_command_killed_while_vllm_loads_leaves_nothing_either(vllm_home: Path) -> None:
    serving = Serving(vllm_home, environment())
    try:
        wait_for(lambda: "starts vLLM" in serving.said, 60, "vLLM is started")
        group = serving.group
        # The guard, the server, and the first of its workers.
        wait_for(lambda: len(processes_of_group(group)) > 2 or serving.process.poll() is not None, 120, serving.said)
        serving.end(signal.SIGKILL)
        wait_for(lambda: not processes_of_group(group), 30, "everything ends")
    finally:
        serving.clean_up()
