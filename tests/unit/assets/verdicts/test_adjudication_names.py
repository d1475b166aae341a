"""A text that tells its model is found, and an ordinary or medical word is not taken for one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.verdicts.adjudication_names import LABELS, PLAIN_WORDS, ModelNames, says_machine

NAMES = ModelNames(["acme/med-7b", "medllama", "physician", "composed", "edited", "bard"])


@pytest.mark.parametrize(
    "text",
    [
        "As Bard, I cannot examine you.",
        "I'm ChatGPT and happy to help.",
        "I’m Gemini.",
        "My name is Claude.",
        "Llama, a large language model, says so.",
        "Ask Bard AI.",
        "Google's Bard can help.",
        "GPT-4 would say rest.",
        "gpt 3.5 answered",
        "GPT4o answered",
        "This was written with OpenAI's help.",
        "PaLM says rest",
        "palm-2 says rest",
        "Med-PaLM says rest",
        "Llama 3.1 says rest",
        "Llama3 says rest",
        "Falcon 40B says rest",
        "gemma-3 says rest",
        "Qwen3 says rest",
        "DeepSeek-R1 says rest",
        "BioGPT says rest",
        # The round's own.
        "med 7B says rest",
        "acme/MED_7b",
        "MedLlama says rest",
        "As Acme, I say rest.",
        # Hidden from a plain search.
        "G\u200bPT-4 says rest",
        "ＧＰＴ－4 says rest",
        "GPT‑4 says rest",
    ],
)
def test_a_text_that_names_a_model_is_found(text: str) -> None:
    assert NAMES.in_text(text)


@pytest.mark.parametrize(
    "text",
    [
        # Liver enzymes, as the unit and the amount show.
        "GPT 45 U/L and GOT 30 U/L",
        "GPT 4 times the upper limit",
        "SGPT and SGOT were raised; GPT: 4",
        "ALT/GPT",
        # Devices, syndromes, trials, persons, parts of the body, letters.
        "A Bard catheter, 12F, by C. R. Bard.",
        "Claude's syndrome, as Claude described in 1912",
        "The GEMINI 1 trial of vedolizumab, and GEMINI 2 studies",
        "Gemma 3 years old, has a fever.",
        "Wash the palm of your hand; palm 2 cm above the wrist",
        "The phi angle, PHI (prostate health index), protected health information",
        "Zephyr valves for emphysema",
        "Camelids such as llama, alpaca and vicuna carry nanobodies.",
        "On Gemini 2 mg were given",
        "They bought llamas. A falcon, an orca and the mistral.",
        "Bones cohere; take command 3 times daily.",
        "Llama 2 tablets",
        # Drugs whose names begin or end as models' do.
        "gemcitabine, gemfibrozil, claudins, mistletoe, barbiturates, titanium, novalgin",
        # What this project calls answers that people wrote or put together.
        "See your physician; the physician composed an edited letter.",
        "As a physician, I say rest. I am composed.",
        "See a medical doctor about 7 b vitamins; med school",
        "the anthropic principle",
    ],
)
def test_an_ordinary_or_medical_word_is_no_name(text: str) -> None:
    assert NAMES.in_text(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "As an AI language model, I cannot examine you.",
        "as an AI, I cannot examine you",
        "I'm an AI assistant.",
        "I am only a language model.",
        "As a chatbot I cannot know.",
        "I was trained by people.",
        "I’m a medical AI assistant",
    ],
)
def test_a_text_that_says_a_machine_wrote_it_is_found(text: str) -> None:
    assert says_machine(text)


@pytest.mark.parametrize(
    "text",
    [
        "As an AI, anastrozole lowers oestrogen.",
        "AI therapy; an aromatase inhibitor (AI)",
        "AI (aortic insufficiency) may cause it",
        "Artificial insemination and language delay are treated by others.",
        "Model your diet on this.",
    ],
)
def test_aromatase_inhibitors_are_no_machines(text: str) -> None:
    assert says_machine(text) is None


@pytest.mark.parametrize(
    "label", ["adjudication-r1-bard", "gpt4-check", "the physician's", "composed", "Acme", "Med-PaLM", "edited2"]
)
def test_in_names_of_files_and_sheets_any_part_of_a_name_counts(label: str) -> None:
    assert NAMES.in_label(label)


def test_other_names_of_files_do_not_count() -> None:
    assert NAMES.in_label("adjudication-2026-spring-ann") is None
    assert NAMES.in_label("Items") is None


# A simple second opinion: letters and digits alone, whole words, one space between.
def letters(text: str) -> str:
    return " " + " ".join(re.findall(r"[a-z0-9]+", text.lower())) + " "


names = st.from_regex(r"[a-z]{1,8}([-/_ .][a-z0-9]{1,6}){0,3}", fullmatch=True)


@given(model=names, before=st.text(max_size=20), after=st.text(max_size=20), form=st.sampled_from([str, str.upper, str.title]))
def test_a_models_full_name_is_found_in_any_text_and_case(model: str, before: str, after: str, form: object) -> None:
    text = f"{before} {form(model)} {after}"  # type: ignore[operator]
    if model in PLAIN_WORDS | LABELS:
        return
    assert ModelNames([model]).in_text(text)


@given(models=st.lists(names, max_size=4), text=st.text(alphabet="abcdefgh -/.7", max_size=40))
def test_a_text_without_finding_holds_no_full_name(models: list[str], text: str) -> None:
    if ModelNames(models).in_text(text) is None:
        assert not [m for m in models if m not in PLAIN_WORDS | LABELS and letters(m) in letters(text)]
