"""GRPO with the real TRL trainer on a random model of a few thousand weights, and rollouts of what it leaves."""

import json
import math
import shutil
import statistics
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from tokenizers import ByteLevelBPETokenizer, processors
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

import training.generation.stage as generation_stage
import training.policy.stage as policy_stage
from training.config import load_config
from training.contracts import SUITES, write_contracts
from training.errors import StageRefusal
from training.generation.config import GenerationConfig
from training.generation.prompt import read_answer, render_prompt, tokenize_prompts
from training.generation.rollouts import end_tokens, generate_rollouts
from training.policy.config import PolicyConfig
from training.policy.reward import HierarchicalReward
from training.policy.train import train_policy
from training.policy.trainer import HierarchicalGRPOTrainer
from training.records import TIERS, Criterion, Instruction, Rubric, content_id
from training.reward_model.scoring import CALIBRATION, METRICS, CriterionScore
from training.seen import read_seen, write_seen
from training.snapshot import TABLES
from training.storage import Store

pytestmark = pytest.mark.slow

QUESTIONS = ("Why rest?", "What helps?", "How long?")
RUBRIC = (
    Criterion(criterion_id="even", tier="main", text="Has an even number of characters", weight=1.0),
    Criterion(criterion_id="letter", tier="bonus", text="Has the letter e"),
    Criterion(criterion_id="digit", tier="veto", text="Has no digit"),
)


class TextScorer:
    """Verdicts that can be read from the text; the criterion `digit` is unknown at the places in `unknown`."""

    def __init__(self, unknown=()):
        self.unknown = set(unknown)
        self.seen = []

    def score(self, items):
        self.seen += [response for item in items for response in item.responses]
        return [[self._one(place, text) for place, text in enumerate(item.responses)] for item in items]

    def _one(self, place, text):
        verdicts = [len(text) % 2 == 0, "e" in text, not any(c.isdigit() for c in text)]
        scores = [CriterionScore(logit=0.0, p_met=float(v), verdict="met" if v else "unmet") for v in verdicts]
        if place in self.unknown:
            scores[2] = CriterionScore(logit=None, p_met=None, verdict="unknown")
        return scores


@pytest.fixture(scope="module")
def base_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base_model")
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(QUESTIONS, vocab_size=300, special_tokens=["<s>", "</s>", "<pad>"])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=trained._tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=256,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
    )
    Qwen3ForCausalLM(config).save_pretrained(folder)
    return folder


def load(folder):
    return AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder, padding_side="left")


def reward_of(scorer, tokenizer, config):
    keys = [f"i{n}" for n in range(len(QUESTIONS))]
    return HierarchicalReward(
        scorer,
        instructions={
            key: Instruction(
                instruction_id=key, text=text, source="s", category=None, specialty=None, cluster_id=key, split="policy_train"
            )
            for key, text in zip(keys, QUESTIONS, strict=True)
        },
        rubrics={key: Rubric(instruction_id=key, rubric_version="v", criteria=RUBRIC) for key in keys},
        weights=config.weights,
        num_generations=config.num_generations,
        max_unknown_share=config.max_unknown_share,
        read=partial(read_answer, tokenizer),
        end_tokens=[tokenizer.eos_token_id],
        score_cut=config.cut_completions == "score",
    )


def settings(**changes):
    return load_config(PolicyConfig, stage="policy", profile="smoke").model_copy(update=changes)


def train(folder, output, scorer, config):
    model, tokenizer = load(folder)
    reward = reward_of(scorer, tokenizer, config)
    instructions = [reward._instructions[key] for key in sorted(reward._instructions)]
    return train_policy(
        config=config, model=model, tokenizer=tokenizer, instructions=instructions, reward=reward, output=output
    )


def test_a_run_leaves_a_plain_policy_that_moved_and_logs_of_every_step(base_model, tmp_path):
    outputs = [tmp_path / "first", tmp_path / "again"]
    config = settings(steps=3, lr=1e-2, prompts_per_step=2, micro_batch=4)
    for output in outputs:
        output.mkdir()
        rows, used = train(base_model, output, TextScorer(), config)
    assert used == 3
    assert [json.loads(line) for line in (outputs[1] / "log.jsonl").read_text().splitlines()] == rows
    assert [row["step"] for row in rows] == [1, 2, 3]
    for row in rows:
        assert (row["completions"], row["groups"], row["unknown_share"]) == (8, 2, 0.0)
        assert all(math.isfinite(row[key]) for key in ("reward", "s1", "s2", "s3", "kl", "entropy", "loss", "met_main"))
    # The reference is the base model: no distance at the first step, some after a step at this rate.
    assert rows[0]["kl"] == pytest.approx(0, abs=1e-6)
    assert rows[2]["kl"] > 1e-6
    criteria = [json.loads(line) for line in (outputs[1] / "criteria.jsonl").read_text().splitlines()]
    assert [(c["step"], c["criterion_id"]) for c in criteria[:4]] == [(1, "digit"), (1, "even"), (1, "letter"), (2, "digit")]
    assert all(c["met"] + c["unmet"] + c["unknown"] == 8 for c in criteria)

    names = {path.name for path in outputs[1].iterdir()}
    assert "model.safetensors" in names
    assert not [name for name in names if "adapter" in name or "checkpoint" in name or "optimizer" in name]
    for name in names - {"logs"}:
        assert (outputs[0] / name).read_bytes() == (outputs[1] / name).read_bytes(), name

    before, after = (AutoModelForCausalLM.from_pretrained(folder).state_dict() for folder in (base_model, outputs[1]))
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[key], after[key]) for key in before)

    model, tokenizer = load(outputs[1])
    sampling = load_config(GenerationConfig, stage="generation", profile="smoke")
    rollouts = [generate_rollouts(model, tokenizer, QUESTIONS, config=sampling) for _ in range(2)]
    assert rollouts[0] == rollouts[1]
    assert all(0 < r.n_tokens <= sampling.max_new_tokens or r.finish == "empty" for r in rollouts[0])


def test_full_training_starts_at_the_reference_too(base_model, tmp_path):
    rows, _ = train(base_model, tmp_path, TextScorer(), settings(steps=2, lr=1e-2, lora=False))
    assert rows[0]["kl"] == pytest.approx(0, abs=1e-6)
    assert rows[1]["kl"] > 1e-6


def test_too_many_unknowns_and_errors_of_scoring_stop_training(base_model, tmp_path):
    class Broken(TextScorer):
        def score(self, items):
            raise OSError("disk")

    for name, scorer, error in (("unknown", TextScorer(unknown=[0, 1]), StageRefusal), ("broken", Broken(), OSError)):
        (tmp_path / name).mkdir()
        with pytest.raises(error):
            train(base_model, tmp_path / name, scorer, settings(max_unknown_share=0.25))
        assert not (tmp_path / name / "model.safetensors").exists()


def test_too_few_short_prompts_are_refused(base_model, tmp_path):
    with pytest.raises(StageRefusal, match="0 of 3 instructions have a prompt of at most 2 tokens; a step needs 1"):
        train(base_model, tmp_path, TextScorer(), settings(max_prompt_length=2))


class ByPlace(TextScorer):
    """Verdicts by the place of a completion in its group: one letter per criterion, + met, - unmet, ? unknown."""

    def __init__(self, *marks):
        super().__init__()
        self.marks = marks

    def _one(self, place, text):
        words = {"+": (1.0, "met"), "-": (0.0, "unmet"), "?": (None, "unknown")}
        return [CriterionScore(logit=words[m][0], p_met=words[m][0], verdict=words[m][1]) for m in self.marks[place]]


def test_a_completion_without_reward_does_not_move_the_advantages_of_the_others(base_model, tmp_path, monkeypatch):
    batches = []

    class Probe(HierarchicalGRPOTrainer):
        def _generate_and_score_completions(self, inputs):
            batches.append(super()._generate_and_score_completions(inputs))
            return batches[-1]

    monkeypatch.setattr("training.policy.train.HierarchicalGRPOTrainer", Probe)
    # 1 and its bonus; no reward; nothing met and no violation; 1 - 1.5.
    scorer = ByPlace("+++", "++?", "--+", "+--")
    train(base_model, tmp_path, scorer, settings(steps=1, max_unknown_share=0.25))
    others = [1.1, 0.0, -0.5]
    center, spread = statistics.mean(others), statistics.stdev(others)
    first, third, fourth = ((value - center) / (spread + 1e-4) for value in others)
    [batch] = batches
    assert batch["advantages"].tolist() == pytest.approx([first, 0.0, third, fourth], abs=1e-4)
    assert batch["completion_mask"].sum(dim=1).gt(0).tolist() == [True, False, True, True]
    row = json.loads((tmp_path / "log.jsonl").read_text())
    assert row["reward"] == pytest.approx(0.2)
    assert row["unknown_share"] == 0.25


def test_cut_completions_are_told_by_the_trainers_own_tokens(base_model, tmp_path):
    """One token of 300 ends a text, so a completion of two is cut nearly always, and under `unknown` too few are left."""
    config = settings(steps=1, cut_completions="unknown", max_unknown_share=0.7, max_completion_length=2)
    with pytest.raises(StageRefusal, match=r"100\.0% of a batch has no reward"):
        train(base_model, tmp_path, TextScorer(), config)


def test_a_completion_that_ends_is_not_cut(base_model, tmp_path):
    model, tokenizer = load(base_model)
    reward = reward_of(TextScorer(), tokenizer, settings(num_generations=2, cut_completions="unknown"))
    ids = [[5, tokenizer.eos_token_id], [5, 6]]
    values = reward(completions=["abcd", "abcd"], completion_ids=ids, instruction_id=["i0", "i0"])
    assert (values, reward.figures["cut_rate"]) == ([1.0, None], 0.5)
    assert end_tokens(model, tokenizer) == {tokenizer.eos_token_id}


@pytest.mark.parametrize("micro_batch", [4, 2])
def test_the_loss_is_the_mean_over_the_completions_with_reward(base_model, tmp_path, monkeypatch, micro_batch):
    """Equal rewards leave only KL in the loss, of a reference moved by 0.1 a token, and by 3 where there is no reward."""
    losses = []

    class Probe(HierarchicalGRPOTrainer):
        def _compute_loss(self, model, inputs):
            excluded = inputs["completion_mask"].sum(dim=1, keepdim=True) == 0
            inputs["ref_per_token_logps"] = inputs["ref_per_token_logps"] + torch.where(excluded, 3.0, 0.1)
            loss = super()._compute_loss(model, inputs)
            losses.append(float(loss))
            return loss

    monkeypatch.setattr("training.policy.train.HierarchicalGRPOTrainer", Probe)
    config = settings(steps=1, kl=1.0, lora=False, max_unknown_share=0.25, micro_batch=micro_batch)
    train(base_model, tmp_path, ByPlace("+++", "++?", "+++", "+++"), config)
    assert len(losses) == 4 // micro_batch
    # Schulman's k3 estimate of a KL with log ratio d: exp(d) - d - 1. The same for each of the three, so this is their mean.
    assert sum(losses) == pytest.approx(math.exp(0.1) - 0.1 - 1, rel=1e-3)


def snapshot(folder, split):
    """Every question with the rubric, in a split; the record of passed contracts."""
    folder.mkdir()
    questions = [{"instruction_id": f"i{n}", "text": text, "cluster_id": f"c{n}"} for n, text in enumerate(QUESTIONS)]
    fixed = {"source": "s", "license": "x", "category": None, "specialty": None, "difficulty": 5.0, "split": split}
    criteria = [
        {"criterion_id": f"{q['instruction_id']}-{c.criterion_id}", "instruction_id": q["instruction_id"], "tier": c.tier}
        | {"text": c.text, "weight": c.weight, "rubric_version": f"v{q['instruction_id']}", "origin": "reviewed"}
        for q in questions
        for c in RUBRIC
    ]
    rows = {"instructions": [{**fixed, **q} for q in questions], "criteria": criteria}
    for table in TABLES:
        pq.write_table(pa.Table.from_pylist(rows.get(table, [])), folder / f"{table}.parquet")
    write_contracts(folder, {table: {"passed": True, "data_version": "v", "expectations": []} for table in SUITES})
    return folder


def reward_model(folder):
    """What the stage reads of a reward model beside its weights: main was seen met and unmet, the others were not."""
    folder.mkdir()
    fit = {"slope": 1.0, "intercept": 0.0, "threshold": 0.5, "pooled": True, "informative": True, "n_met": 3, "n_unmet": 0}
    tiers = {tier: {**fit, "identified": tier == "main", "ece": None} for tier in TIERS}
    write_seen(folder, ["c-of-the-reward-model"])
    (folder / CALIBRATION).write_text(json.dumps({"tiers": tiers, "threshold_rule": "half"}))
    (folder / METRICS).write_text(json.dumps({"pointwise_identified": True}))
    return folder


def published(store, name, folder, **metadata):
    """A copy of a folder as an artifact."""
    with store.workspace() as workspace:
        shutil.copytree(folder, workspace, dirs_exist_ok=True)
        manifest = store.publish(
            name=name, folder=workspace, skip_key="k", inputs={}, config={}, code_version="c", metadata=metadata
        )
    return store.fetch(manifest.ref)


def test_the_stages_from_artifacts_to_responses(base_model, tmp_path, monkeypatch):
    # The rubric's criteria come back ordered by tier: even, letter, digit.
    monkeypatch.setattr("training.policy.stage.RewardScorer.load", lambda folder, device: TextScorer())
    store = Store(tmp_path / "store")
    base = published(store, "base_model", base_model, model="tiny", license="none")
    inputs = {
        "prompts": published(store, "policy_prompts", snapshot(tmp_path / "prompts", "policy_train")),
        "base_model": base,
        "reward_model": published(store, "reward_model", reward_model(tmp_path / "reward_model")),
    }
    output = tmp_path / "policy"
    output.mkdir()
    metadata = policy_stage.run(config=settings(), inputs=inputs, output=output)
    assert (metadata["model"], metadata["license"], metadata["steps"], metadata["completions"]) == ("tiny", "none", 2, 8)
    assert json.loads((output / "metrics.json").read_text()) == {
        key: value for key, value in metadata.items() if key not in ("model", "license")
    }
    card = (output / "README.md").read_text()
    assert f"- base_model: `base_model@{base.name}`" in card
    assert "On bonus, veto criteria they are not identified" in card
    # Twelve tokens cut nearly every completion of a random model; they are scored all the same.
    assert metadata["mean_cut_rate"] > 0.5 and metadata["excluded"] == 0

    with pytest.raises(StageRefusal, match="is of split benchmark"):
        wrong = published(store, "wrong", snapshot(tmp_path / "wrong", "benchmark"))
        policy_stage.run(config=settings(), inputs={**inputs, "prompts": wrong}, output=output)

    answers = tmp_path / "answers"
    answers.mkdir()
    sampling = load_config(GenerationConfig, stage="generation", profile="smoke").model_copy(update={"max_instructions": 2})
    benchmark = snapshot(tmp_path / "benchmark", "benchmark")
    found = generation_stage.run(config=sampling, inputs={"snapshot": benchmark, "policy": output}, output=answers)
    # Its prompts' clusters and its reward model's, with the policy and with what it says.
    assert read_seen(output) == read_seen(answers) == {"c0", "c1", "c2", "c-of-the-reward-model"}
    rows = pq.read_table(answers / "responses.parquet").to_pylist()
    assert found["responses"] == len(rows) == 2
    assert found["finish_stop"] + found["finish_length"] + found["finish_empty"] == 2
    assert len({row["instruction_id"] for row in rows}) == 2
    for row in rows:
        assert row["response_id"] == content_id("response", row["instruction_id"], "policy", row["text"])


def test_the_trainer_sees_the_tokens_of_our_prompt(base_model):
    _, tokenizer = load(base_model)
    prompt = render_prompt(tokenizer, QUESTIONS[0])
    assert tokenizer(text=[prompt])["input_ids"] == tokenize_prompts(tokenizer, [prompt])
