"""The report from made-up artifact folders."""

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import made_up
import made_up_work
import pytest

from assets.reports.model_tables import ModelWork
from assets.reports.render import render_report

VOID = {"meta", "br", "link"}


class Page(HTMLParser):
    """Checks nesting, and collects what the tests ask for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.starts: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.starts.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.starts.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    reward_model = made_up.reward_model_metrics()
    policy = made_up.policy_metrics(reward_model)
    return render_report(made_up.write(tmp_path_factory.mktemp("a"), reward_model=reward_model, policy=policy))


@pytest.fixture(scope="module")
def page(files: dict[str, str]) -> Page:
    return Page(files["report.html"])


def test_the_page_is_well_formed_and_its_ids_are_unique(files: dict[str, str], page: Page) -> None:
    assert files["report.html"].startswith("<!doctype html>")
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    links = {str(a["href"])[1:] for tag, a in page.starts if tag == "a"}
    assert links <= set(page.ids)


def test_nothing_is_fetched(page: Page) -> None:
    assert not {"script", "link", "img", "iframe", "image", "object"} & {tag for tag, _ in page.starts}
    for tag, attributes in page.starts:
        for name in ("src", "href", "xlink:href"):
            assert str(attributes.get(name) or "#").startswith("#"), (tag, attributes)


def test_css_loads_nothing(files: dict[str, str]) -> None:
    style = re.search(r"<style>(.*?)</style>", files["report.html"], re.DOTALL)
    assert style is not None
    assert "@import" not in style[1] and "url(" not in style[1]


def test_it_can_be_read_without_sight(page: Page) -> None:
    assert ("html", {"lang": "en"}) in page.starts
    svgs = [a for tag, a in page.starts if tag == "svg"]
    assert len(svgs) == 6
    assert all(a["role"] == "img" and a["aria-labelledby"] in page.ids for a in svgs)
    heads = [a for tag, a in page.starts if tag == "th"]
    assert heads and all(a.get("scope") in ("col", "row") for a in heads)


def test_model_output_stays_text(files: dict[str, str]) -> None:
    assert "<script" not in files["report.html"]
    assert "&lt;script&gt;alert(1)" in files["report.html"]
    assert "ibuprofen &lt;b&gt;with&lt;/b&gt; my blood thinner &amp; is" in files["report.html"]


def test_marks_have_a_symbol_and_a_word(files: dict[str, str]) -> None:
    for symbol, word in (("✓", "met"), ("✗", "not met"), ("?", "unknown")):
        assert f'<span aria-hidden="true">{symbol}</span> {word}</span>' in files["report.html"]


def test_every_section_is_there(files: dict[str, str], page: Page) -> None:
    wanted = (
        "data",
        "models",
        "reward-model",
        "held-out",
        "policy",
        "training",
        "samples",
        "quarantine",
        "paper",
        "provenance",
        "limits",
    )
    assert set(wanted) <= set(page.ids)
    assert "not medical advice" in files["report.html"]
    assert "Geng et al. 2026, not ours" in files["report.html"]
    assert "ab" * 32 in files["report.html"]


def test_the_same_artifacts_give_the_same_bytes(tmp_path: Path) -> None:
    reward_model = made_up.reward_model_metrics()
    policy = made_up.policy_metrics(reward_model)
    first = render_report(made_up.write(tmp_path / "a", reward_model=reward_model, policy=policy))
    assert first == render_report(made_up.write(tmp_path / "b", reward_model=reward_model, policy=policy))


def test_csv_holds_every_figure_and_leaves_missing_ones_empty(files: dict[str, str]) -> None:
    rows = list(csv.DictReader(io.StringIO(files["report.csv"])))
    metrics = json.loads(files["report.json"])["reward_model_benchmark"]
    found = [r for r in rows if r["section"].startswith("reward_model/")]
    assert len(found) == len(metrics["figures"]) + len(metrics["differences"])
    (none,) = (
        r
        for r in found
        if (r["section"], r["system"], r["source"], r["tier"], r["metric"])
        == ("reward_model/pointwise", "longer_is_better", "all", "macro", "accuracy")
    )
    assert (none["value"], none["low"], none["n"]) == ("", "", "0")
    (kept,) = (r for r in rows if r["section"] == "counts/quarantine" and r["system"] == "kqa / no rubric")
    assert kept["value"] == "7"


def test_without_k_qa_agreement_and_quarantine_their_parts_are_left_out(tmp_path: Path) -> None:
    reward_model = made_up.reward_model_metrics()
    reward_model["figures"] = [r for r in reward_model["figures"] if r["source"] != "kqa"]
    inputs = made_up.write(tmp_path, reward_model=reward_model, policy=made_up.policy_metrics(reward_model))
    bare = type(inputs)(**{**vars(inputs), "agreement": None, "counts": {**made_up.counts(), "quarantine": []}})
    page = Page(render_report(bare)["report.html"])
    assert "held-out" not in page.ids
    assert "quarantine" in page.ids


def test_without_a_language_model_a_sentence_stands_for_its_tables(files: dict[str, str], tmp_path: Path) -> None:
    sentence = "No language model was configured: rubrics and verdicts come from the sources."
    assert sentence not in files["report.html"]
    assert "Drafts and what became of them" in files["report.html"]
    reward_model = made_up.reward_model_metrics()
    inputs = made_up.write(tmp_path, reward_model=reward_model, policy=made_up.policy_metrics(reward_model))
    bare = render_report(replace(inputs, work=ModelWork()))
    assert sentence in bare["report.html"]
    assert "Drafts and what became of them" not in bare["report.html"]
    # People's agreement does not hang on a model.
    assert "K-QA: agreement of its annotators" in bare["report.html"]


def test_json_and_csv_hold_the_work_of_models_and_physicians(files: dict[str, str]) -> None:
    report = json.loads(files["report.json"])
    assert report["models"]["counts"]["drafts"] == [{"drafter": "big", "rubrics": 2, "repaired": 1, "criteria": 4}]
    assert report["models"]["judges"] == made_up_work.agreement()
    assert report["models"]["adjudication"] == made_up_work.adjudication()
    rows = {(r["section"], r["system"], r["metric"]): r["value"] for r in csv.DictReader(io.StringIO(files["report.csv"]))}
    assert rows["reviews", "round-1", "pass_rate"] == "0.95"
    assert rows["counts/model_responses", "big / qwen3 / answered", "tokens"] == "160"
    assert float(rows["annotators/kqa", "annotators", "alpha"]) == report["agreement"]["alpha"]


def test_a_model_without_identified_verdicts_says_so(tmp_path: Path) -> None:
    reward_model = made_up.reward_model_metrics()
    reward_model["pointwise_identified"]["reward_model"] = False
    inputs = made_up.write(tmp_path, reward_model=reward_model, policy=made_up.policy_metrics(reward_model))
    assert "not identified" in render_report(inputs)["report.html"]


def test_what_verdicts_cannot_say_stands_in_the_page(tmp_path: Path) -> None:
    reward_model = made_up.reward_model_metrics()
    reward_model["not_identified"]["reward_model"] = ["main"]
    reward_model["uninformative"]["panel_reward_model"] = ["veto"]
    reward_model["reliability"]["panel_reward_model"] = {"tiers": [], "error": None, "bins": []}
    inputs = made_up.write(tmp_path, reward_model=reward_model, policy=made_up.policy_metrics(reward_model))
    text = render_report(inputs)["report.html"]
    assert "Reward model: no verdict on main criteria is identified" in text
    assert "Panel reward model: on veto criteria its calibration is flat" in text
    assert "Panel reward model (" not in text
