"""Truncation rules: cuts computed by hand, and what no cut may ever do."""

import doctest
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rm_tiny import CharTokenizer
from rm_trees import prompts_of

from training.errors import StageRefusal
from training.records import Criterion, Instruction, Response
from training.reward_model import truncation
from training.reward_model.data import TreeCounts, build_trees
from training.reward_model.examples import InstructionExamples
from training.reward_model.prompt import Frame, PromptEncoder
from training.reward_model.truncation import cut_beginning, cut_end, instruction_room, longest_criterion, response_room
from training.snapshot import PreferencePair

ENCODER = PromptEncoder(CharTokenizer())


class WordTokenizer:
    """One token per word with its blank, and per mark with the line ends after it: `?\\n\\n` is one token, as in real ones."""

    eos_token_id = 2

    def __init__(self):
        self.words = []

    def __call__(self, text, *, add_special_tokens=True):
        ids = []
        for word in re.findall(r" ?\w+|[^\w\s]\n*|\s", text):
            if word not in self.words:
                self.words.append(word)
            ids.append(3 + self.words.index(word))
        return {"input_ids": [1] * add_special_tokens + ids}

    def text(self, ids):
        return "".join("<s>" if i == 1 else self.words[i - 3] for i in ids)


def one_instruction(question, answers, criteria):
    """An instruction of which every verdict is known."""
    known = tuple(Criterion(criterion_id=f"c{n}", tier="bonus", text=text) for n, text in enumerate(criteria))
    responses = tuple(Response(response_id=f"r{n}", instruction_id="i", model="m", text=text) for n, text in enumerate(answers))
    return InstructionExamples(
        instruction=Instruction(
            instruction_id="i", text=question, source="s", category=None, specialty=None, cluster_id="i", split="rm_train"
        ),
        criteria=known,
        responses=responses,
        met={(r.response_id, c.criterion_id): True for r in responses for c in known},
        preferences=(),
    )


def with_every_pair(examples):
    """The same with each response preferred to the next one overall, so that a scalar model learns from all."""
    names = [r.response_id for r in examples.responses]
    pairs = tuple(
        PreferencePair(
            pair_id=f"{one}-{two}",
            instruction_id="i",
            rubric_version="v",
            chosen_id=one,
            rejected_id=two,
            decided_by="main",
            margin=1.0,
            split="rm_train",
        )
        for one in names
        for two in names
        if one < two
    )
    return replace(examples, overall=pairs)


def cut_trees(examples, encoder=ENCODER, *, max_length, conditioning="criterion_last", size=8, truncate=True):
    return build_trees(
        [examples],
        encoder,
        responses_per_tree=size,
        max_length=max_length,
        rng=None,
        conditioning=conditioning,
        truncate=truncate,
    )


def test_rooms_by_hand():
    # Criteria of 20 and 30 in 100 tokens: 30 for the longest, 25 promised to a response, so 45 for the instruction.
    assert instruction_room([20, 30], max_length=100) == 45
    assert response_room(45, [20, 30], max_length=100) == 25
    assert response_room(10, [20, 30], max_length=100) == 60
    # A quarter of 10 is rounded up to 3.
    assert instruction_room([4], max_length=10) == 3
    # A criterion of more than half has no say.
    assert longest_criterion([50, 20], max_length=100) == 50
    assert longest_criterion([51, 20], max_length=100) == 20
    assert longest_criterion([51], max_length=100) == 0


def test_a_piece_that_fits_is_left_alone():
    frame = Frame((8,), (9,))
    assert cut_end([8, 1, 2, 9], frame, room=4) == [8, 1, 2, 9]
    assert cut_beginning([8, 1, 2, 9], frame, room=4) == [8, 1, 2, 9]


def test_a_response_loses_its_end_and_an_instruction_its_beginning():
    frame = Frame((8, 8), (9,))
    assert cut_end([8, 8, 1, 2, 3, 4, 9], frame, room=5) == [8, 8, 1, 2, 9]
    assert cut_beginning([8, 8, 1, 2, 3, 4, 9], frame, room=5) == [8, 8, 3, 4, 9]


def test_no_room_for_a_word_is_refused():
    with pytest.raises(StageRefusal, match="room for 3 tokens, but its template alone takes 3: raise max_length"):
        cut_end([8, 8, 1, 2, 9], Frame((8, 8), (9,)), room=3)


QUESTION = "one two three four five six seven eight nine ten is it bad?"
X4 = "<s>Instruction: four five six seven eight nine ten is it bad?\n\n"
X3 = "<s>Instruction: three four five six seven eight nine ten is it bad?\n\n"
CRITERION = "Criterion (excellence): x"


@pytest.mark.parametrize(
    ("conditioning", "long", "short", "instructions"),
    [
        # 32 tokens, of which 8 are promised to the response. The criterion takes 10, so the instruction may have 14 of its 17:
        # three for BOS and its opening, its last 11. The response gets 8 of its 14: six in front, two line ends.
        ("criterion_last", f"{X4}Response: a b c d\n\n{CRITERION}\nMet:", f"{X4}Response: short.\n\n{CRITERION}\nMet:", 1),
        # The criterion takes 9, the instruction 15, so the response 8: five in front, three for its closing cue.
        ("criterion_first", f"{X3}{CRITERION}\n\nResponse: a b c\nMet:", f"{X3}{CRITERION}\n\nResponse: short.\nMet:", 1),
        # The cue takes 2, so the instruction may have 22 and is whole; the response gets 32 - 17 - 2 = 13.
        (
            "none",
            f"<s>Instruction: {QUESTION}\n\nResponse: a b c d e f g h i\n\nGood:",
            f"<s>Instruction: {QUESTION}\n\nResponse: short.\n\nGood:",
            0,
        ),
    ],
)
def test_what_is_left_of_a_long_prompt_by_hand(conditioning, long, short, instructions):
    tokenizer = WordTokenizer()
    examples = with_every_pair(one_instruction(QUESTION, ["a b c d e f g h i. j.", "short."], ["x"]))
    trees, counts = cut_trees(examples, PromptEncoder(tokenizer), max_length=32, conditioning=conditioning)
    found = [tokenizer.text(ids) for ids in prompts_of(trees).values()]
    assert found == [long, short]
    assert counts == TreeCounts(left_out=0, truncated_responses=1, truncated_instructions=instructions)


def test_an_instruction_is_counted_once_for_all_its_trees():
    examples = one_instruction("q" * 300, ["y", "z" * 300, "w"], ["x"])
    _, counts = cut_trees(examples, max_length=128, size=1)
    assert counts == TreeCounts(left_out=0, truncated_responses=1, truncated_instructions=1)


def test_a_criterion_above_half_of_the_length_is_left_out_and_counted_where_it_does_not_fit():
    examples = one_instruction("q", ["y", "z" * 300], ["x", "c" * 80])  # pieces of 29 tokens and the letters
    trees, counts = cut_trees(examples, max_length=160)
    assert set(prompts_of(trees)) == {("r0", "c0"), ("r1", "c0"), ("r0", "c1")}
    assert counts == TreeCounts(left_out=1, truncated_responses=1, truncated_instructions=0)


def test_without_truncation_nothing_is_cut():
    examples = one_instruction("q", ["y", "z" * 300], ["x"])
    trees, counts = cut_trees(examples, max_length=128, truncate=False)
    assert set(prompts_of(trees)) == {("r0", "c0")}
    assert counts == TreeCounts(left_out=1, truncated_responses=0, truncated_instructions=0)


def test_too_little_room_for_the_template_is_refused():
    with pytest.raises(StageRefusal, match="raise max_length"):
        cut_trees(one_instruction("q" * 50, ["y" * 50], ["x"]), max_length=32)


letters = st.integers(1, 400).map(lambda n: "".join(chr(97 + i % 26) for i in range(n)))
CONDITIONINGS = st.sampled_from(["criterion_last", "criterion_first", "none"])


@st.composite
def long_examples(draw):
    criteria = st.lists(letters.map(lambda text: text[:150]), min_size=1, max_size=3)
    return one_instruction(draw(letters), draw(st.lists(letters, min_size=2, max_size=4, unique=True)), draw(criteria))


@given(long_examples(), st.integers(80, 500), CONDITIONINGS)
def test_a_cut_prompt_fits_and_has_its_criterion_whole(examples, max_length, conditioning):
    examples = with_every_pair(examples)
    trees, counts = cut_trees(examples, max_length=max_length, conditioning=conditioning)
    pieces = ENCODER.criteria(examples.criteria, conditioning)
    names = [c.criterion_id for c in examples.criteria] if conditioning != "none" else [None]
    for (_, criterion), ids in prompts_of(trees).items():
        assert len(ids) <= max_length
        piece = pieces[names.index(criterion)]
        assert any(ids[at : at + len(piece)] == piece for at in range(len(ids)))
        assert ids[:13] == ENCODER.instruction("x")[:13]  # BOS and `Instruction:`
    assert counts.left_out == len(examples.responses) * len(pieces) - len(prompts_of(trees))
    # Nothing is lost but below criteria that take more than half.
    kept = {name for name, piece in zip(names, pieces, strict=True) if len(piece) <= max_length // 2}
    assert {(r.response_id, name) for r in examples.responses for name in kept} <= set(prompts_of(trees))


@given(long_examples(), st.integers(80, 500), CONDITIONINGS)
def test_what_fits_is_the_plain_prompt(examples, max_length, conditioning):
    """Where the instruction has its room and the longest prompt fits, truncation changes nothing, and counts nothing."""
    examples = with_every_pair(examples)
    pieces = [len(piece) for piece in ENCODER.criteria(examples.criteria, conditioning)]
    instruction = len(ENCODER.instruction(examples.instruction.text))
    longest = max(len(ENCODER.response(r.text, conditioning)) for r in examples.responses)
    trees, counts = cut_trees(examples, max_length=max_length, conditioning=conditioning)
    whole = [
        max(pieces) <= max_length // 2,
        instruction <= instruction_room(pieces, max_length=max_length),
        instruction + longest + max(pieces) <= max_length,
    ]
    if all(whole):
        assert counts == TreeCounts()
        texts = {r.response_id: r.text for r in examples.responses}
        rubric = {c.criterion_id: c for c in examples.criteria}
        for (response, criterion), ids in prompts_of(trees).items():
            c = rubric[criterion] if criterion else examples.criteria[0]
            assert ids == ENCODER.plain_ids(examples.instruction.text, texts[response], c, conditioning)
    else:
        assert counts != TreeCounts() or max(pieces) > max_length // 2


@given(long_examples(), st.integers(80, 500), CONDITIONINGS)
def test_a_prompt_is_cut_alike_whichever_responses_share_its_tree(examples, max_length, conditioning):
    examples = with_every_pair(examples)
    together, _ = cut_trees(examples, max_length=max_length, conditioning=conditioning)
    two_each, _ = cut_trees(examples, max_length=max_length, conditioning=conditioning, size=2)
    found = prompts_of(two_each)
    assert found.items() <= prompts_of(together).items()
    assert found or not together


def test_examples_in_docstrings():
    assert doctest.testmod(truncation).failed == 0
