"""Lines of the input: what is read, and the one sentence that each mistake gets."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.errors import StageRefusal
from training.scoring.lines import encode_json, parse_line

RUBRIC = [{"tier": "main", "text": "says the dose", "weight": 1.0}, {"tier": "veto", "text": "invents nothing"}]
GOOD = {"instruction": "What dose?", "responses": ["5 mg."], "rubric": RUBRIC}


def parse(values):
    return parse_line(values if isinstance(values, bytes) else json.dumps(values).encode(), where="f line 3")


def without(*keys):
    return {key: value for key, value in GOOD.items() if key not in keys}


def criterion(**changes):
    return {**GOOD, "rubric": [{**RUBRIC[0], **changes}]}


def mains(*weights):
    return {**GOOD, "rubric": [{"tier": "main", "text": "t", **({} if w is None else {"weight": w})} for w in weights]}


def test_a_good_line_is_read_whole():
    line = parse({"id": 7, **GOOD, "note": {"a": [None]}})
    assert (line.instruction, line.responses, line.weighted, line.named) == ("What dose?", ("5 mg.",), True, False)
    assert [(c.criterion_id, c.tier, c.text, c.weight) for c in line.criteria] == [
        ("1", "main", "says the dose", 1.0),
        ("2", "veto", "invents nothing", None),
    ]
    assert line.carried == {"id": 7, "note": {"a": [None]}}


def test_one_response_may_stand_alone_and_a_blank_one_is_no_mistake():
    assert parse({**without("responses"), "response": "  "}).responses == ("  ",)


def test_rubrics_without_weights_or_without_main_criteria_are_read():
    assert not parse(mains(None, None)).weighted
    assert not parse({**GOOD, "rubric": RUBRIC[1:]}).weighted


def test_ids_of_criteria_are_kept():
    line = parse(criterion(criterion_id="c7"))
    assert line.named and line.criteria[0].criterion_id == "c7"


def test_a_byte_order_mark_and_windows_line_ends_are_no_mistakes():
    assert parse(b"\xef\xbb\xbf" + json.dumps(GOOD).encode() + b"\r\n").responses == ("5 mg.",)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (b"\n", "is blank; remove it"),
        (b"{'a': 1}\n", "is no JSON (Expecting property name enclosed in double quotes, character 2)"),
        (b'{"a": 1', "is no JSON ("),
        (b'{"a": 1} {"a": 2}', "is no JSON (Extra data, character 10)"),
        (b'{"a": NaN}', "is no JSON that can be read (NaN is no JSON number)"),
        (b"[" * 100_000, "is no JSON that can be read ("),
        (b'{"a": ' + b"9" * 5000 + b"}", "is no JSON that can be read ("),
        (b"\x1f\x8b\x08\x00", "is not UTF-8 (byte 2); convert the file, or unpack it"),
        ([GOOD], "is a list; every line must be one JSON object"),
        ("text", "is a text; every line"),
        (b"null", "is a null; every line"),
        ({}, "instruction is missing; a line is {"),
        (without("rubric"), "rubric must be a list with at least one criterion, not null; a line is {"),
        (without("instruction"), "instruction is missing; a line is {"),
        ({**GOOD, "instruction": " \n"}, 'instruction must be a text that is not blank, not " \\n"'),
        ({**GOOD, "instruction": 5}, "instruction must be a text that is not blank, not 5"),
        (without("responses"), "needs either response or responses"),
        ({**GOOD, "response": "x"}, "needs either response or responses"),
        ({**GOOD, "responses": []}, "responses must be a list with at least one text, not an empty list"),
        ({**GOOD, "responses": "5 mg."}, 'responses must be a list with at least one text, not "5 mg."'),
        ({**GOOD, "responses": ["a", None]}, "response 2 must be a text, not null"),
        ({**without("responses"), "response": ["a"]}, "response 1 must be a text, not a list"),
        ({**GOOD, "rubric": {}}, "rubric must be a list"),
        ({**GOOD, "rubric": []}, "rubric must be a list with at least one criterion, not an empty list"),
        ({**GOOD, "rubric": ["says so"]}, 'criterion 1 must be a JSON object, not "says so"'),
        (criterion(wieght=1.0), "criterion 1: unknown key 'wieght'; allowed: tier, text, weight, criterion_id"),
        (criterion(tier="safety"), 'criterion 1: tier must be main, bonus or veto, not "safety"'),
        (criterion(tier=None), "criterion 1: tier must be main, bonus or veto, not null"),
        (criterion(tier=["main"]), "criterion 1: tier must be main, bonus or veto, not a list"),
        (criterion(text=""), "criterion 1: text must be a text that is not blank"),
        (criterion(text=None), "criterion 1: text must be a text that is not blank, not null"),
        (criterion(criterion_id=3), "criterion 1: criterion_id must be a text, not 3"),
        (criterion(weight="1"), 'criterion 1: weight must be a number above 0, not "1"'),
        (criterion(weight=True), "criterion 1: weight must be a number above 0, not true"),
        (criterion(weight=-1.0), "criterion 1: weight must be a number above 0, not -1.0"),
        (criterion(weight=0), "criterion 1: weight must be a number above 0, not 0"),
        (b'{"instruction":"q","response":"r","rubric":[{"tier":"main","text":"t","weight":1e999}]}', "not Infinity"),
        (criterion(tier="veto"), "criterion 1: only main criteria have a weight, and this one is veto; remove it"),
        (mains(0.5, 0.4), "main weights must sum to 1, got 0.9; weights are never normalized"),
        (mains(50, 50), "main weights must sum to 1, got 100.0; weights are never normalized"),
        (mains(0.5, 0.500002), "main weights must sum to 1, got 1.0000019999"),
        (mains(1.0, None), "main criterion 2 needs a positive weight, got None"),
        ({**GOOD, "rubric": [{**c, "criterion_id": "a"} for c in RUBRIC]}, "two criteria have the same criterion_id"),
        ({**GOOD, "scores": 1}, "scores: this key is written to the output; give yours another name"),
        ({**GOOD, "reward_model": 1}, "reward_model: this key is written to the output"),
        ({**GOOD, "responses": ["\ud800"]}, "holds what cannot be written again (half of a surrogate pair)"),
        ({**GOOD, "note": "\udfff"}, "holds what cannot be written again (half of a surrogate pair)"),
        (json.dumps({**GOOD, "n": 1}).replace('"n": 1', '"n": 1e999').encode(), "holds what cannot be written again (Out of"),
    ],
)
def test_every_mistake_is_one_line_that_names_it(values, message):
    with pytest.raises(StageRefusal) as refused:
        parse(values)
    said = str(refused.value)
    assert said.startswith("f line 3: ") and message in said
    assert "\n" not in said and len(said) < 300


def test_weights_may_miss_1_by_a_millionth():
    assert parse(mains(0.5, 0.5000005)).weighted


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, st.integers(min_value=10**18))
def test_other_keys_come_back_as_they_were_however_large_a_number(value, number):
    line = parse(json.dumps({**GOOD, "id": number, "other": value}).encode())
    assert json.loads(encode_json(line.carried)) == {"id": number, "other": value}
    assert encode_json(line.carried).count(b"\n") == 1
