"""Rounds of double-blind adjudication through Dagster: out, back, to thirds, and what becomes of their verdicts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import openpyxl
import pyarrow.parquet as pq
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from assets.chain import steps_named
from assets.interfaces import ProjectResource, current_ref
from assets.reviewing.forms import ADJUDICATION, FIRST_ROW
from assets.steps import Settings
from assets.verdicts.adjudication_export import Export, read_export
from orchestration.build import build_defs
from orchestration.cli import main
from orchestration.instance import open_instance
from orchestration.rounds import export_round, import_files
from orchestration.run import RunFailed, run_chain
from tests.integration.conftest import make_project
from training.storage import Store

pytestmark = pytest.mark.slow
PEOPLE = ["ann", "ben", "cid"]
DEPENDENT = ("raw_verdicts", "adjudication_agreement", "stg_raw__verdicts")
# What a reviewer chooses for an item, by its id; None leaves the cell empty.
Says = Callable[[str], str | None]


@dataclass
class Rounds:
    """A project folder, and what may be asked of its rounds."""

    settings: Settings

    def out(self, name: str, **config: Any) -> dict[str, Any]:
        """Sends a round out, or more of it."""
        return dict(export_round(self.settings, kind=ADJUDICATION, name=name, config=config))

    def back(self, *files: Path) -> dict[str, Any]:
        """Takes files of one round in."""
        (told,) = import_files(self.settings, kind=ADJUDICATION, files=[str(path) for path in files], replace=False).values()
        return dict(told)

    def folder(self, asset: str, partition: str | None = None) -> Path:
        store = Store(self.settings.store_root)
        with open_instance(self.settings.home) as instance:
            ref = current_ref(instance, asset, partition)
        assert ref is not None, asset
        return store.fetch(ref)

    def export(self, name: str) -> Export:
        return read_export(self.folder("adjudication_exports", name))

    def verdicts(self, kind: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = pq.read_table(self.folder("raw_verdicts") / "raw_verdicts.parquet").to_pylist()
        return [row for row in rows if row["judge_kind"] == kind]

    def stale(self) -> set[str]:
        graph = build_defs(project=ProjectResource.of(self.settings)).resolve_asset_graph()
        with open_instance(self.settings.home) as instance:
            resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
            return {name for name in DEPENDENT if resolver.get_status(dg.AssetKey(name)) is StaleStatus.STALE}


def fill_in(form: Path, says: Says) -> Path:
    """A reviewer's choices, in the columns as the workbook names them."""
    book = openpyxl.load_workbook(form)
    sheet = book["Items"]
    column = {cell.value: cell.column for cell in sheet[1]}
    for row in range(FIRST_ROW, sheet.max_row + 1):
        sheet.cell(row, column["verdict"]).value = says(sheet.cell(row, column["item_id"]).value)
    book.save(form)
    return form


def of_two(export: Export) -> Says:
    """Both call the first requirement of every answer unmet; the second is unmet for the first of the two alone."""
    pairs: dict[str, set[str]] = {}
    for item in export.items:
        pairs.setdefault(item.response_id, set()).add(item.reviewer)
    by_id = {item.item_id: item for item in export.items}

    def says(item_id: str) -> str:
        item = by_id[item_id]
        unmet = {"01": True, "02": item.reviewer == min(pairs[item.response_id])}
        return "unmet" if unmet.get(item_id[-2:], False) else "met"

    return says


@pytest.fixture(scope="module")
def rounds(tmp_path_factory: pytest.TempPathFactory) -> Rounds:
    """A project whose chain has come to its verdicts, and no round yet."""
    made = make_project(tmp_path_factory.mktemp("adjudication"))
    run_chain(made.settings, steps_named(["rubrics", "responses", "verdicts", "warehouse"]))
    return Rounds(made.settings)


@pytest.fixture(scope="module")
def a1(rounds: Rounds) -> dict[str, Path]:
    """Round a1 is out: three responses, each to another pair of three people; reviewer → form."""
    told = rounds.out("a1", reviewers=PEOPLE, count=3, seed=1)
    assert (told["responses"], told["parts"]) == (3, 1)
    return {name: Path(told["folder"]) / f"adjudication-a1-{name}.xlsx" for name in PEOPLE}


@pytest.fixture(scope="module")
def returned(rounds: Rounds, a1: dict[str, Path]) -> dict[str, Any]:
    """All of a1 has come back; what was said of that."""
    says = of_two(rounds.export("a1"))
    return rounds.back(*(fill_in(form, says) for form in a1.values()))


@pytest.fixture(scope="module")
def decided(rounds: Rounds, returned: dict[str, Any]) -> dict[str, Any]:
    """Thirds have answered met to all that the two differ on."""
    told = rounds.out("a1", disputed=True)
    forms = sorted(Path(told["folder"]).glob("*--part2.xlsx"))
    assert (told["parts"], told["files"]) == (2, 3 * len(forms))
    return rounds.back(*(fill_in(form, lambda item_id: "met") for form in forms))


def test_nothing_goes_to_thirds_before_anything_has_come_back(rounds: Rounds, a1: dict[str, Path]) -> None:
    with pytest.raises(RunFailed, match="^round a0 is not out yet"):
        rounds.out("a0", disputed=True)
    with pytest.raises(RunFailed, match="^round a1: nothing has come back yet; take files in first"):
        rounds.out("a1", disputed=True)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"count": 4}, "round a1 is out already with count 3; leave --count out"),
        ({"seed": 0}, "round a1 is out already with seed 1; leave --seed out"),
        ({"reviewers": ["ann", "ben"]}, "round a1 is out already with reviewers ann ben cid; leave --reviewers out"),
        ({"disputed": True, "count": 4}, "round a1 is out already with count 3"),
    ],
)
def test_a_round_that_is_out_takes_no_other_options(
    rounds: Rounds, a1: dict[str, Path], config: dict[str, Any], message: str
) -> None:
    before = rounds.export("a1")
    with pytest.raises(RunFailed, match=f"^{message}"):
        rounds.out("a1", **config)
    assert rounds.export("a1") == before


def test_its_forms_are_written_again_and_the_record_says_what_the_round_has(
    rounds: Rounds, a1: dict[str, Path], tmp_path: Path
) -> None:
    before = rounds.export("a1")
    told = rounds.out("a1", folder=str(tmp_path))
    assert {path.name for path in tmp_path.glob("*.xlsx")} == {form.name for form in a1.values()}
    assert told["made_under"] == {"reviewers": PEOPLE, "count": 3, "seed": 1, "disputed": False}
    assert rounds.export("a1") == before


def test_a_half_filled_form_is_refused_and_nothing_of_the_others_counts(
    rounds: Rounds, a1: dict[str, Path], tmp_path: Path
) -> None:
    assert rounds.stale() == set()
    rounds.out("a1", folder=str(tmp_path))
    says = of_two(rounds.export("a1"))
    whole = fill_in(tmp_path / a1["ann"].name, says)
    half = fill_in(tmp_path / a1["ben"].name, lambda item_id: None if item_id.endswith("-03") else says(item_id))
    # Ben has two answers, and each a third requirement.
    with pytest.raises(
        RunFailed, match=r"^2 problems; nothing was imported:\n  adjudication-a1-ben.xlsx: .*verdict: is missing"
    ):
        rounds.back(whole, half)
    assert rounds.verdicts("human") == []
    assert rounds.stale() == set()


def test_verdicts_come_in_with_the_agreement_of_the_two_and_make_what_follows_stale(
    rounds: Rounds, returned: dict[str, Any]
) -> None:
    sizes = Counter(item.response_id for item in rounds.export("a1").items)
    # Every requirement goes to two.
    n = sum(sizes.values()) // 2
    assert (returned["items"], returned["agreed"], returned["disputed"]) == (n, n - 3, 3)
    human = rounds.verdicts("human")
    assert Counter(row["verdict"] for row in human) == {"unmet": 9, "met": 2 * n - 9}
    assert {row["judge"] for row in human} == set(PEOPLE)
    assert rounds.verdicts("adjudicated") == []

    (figures,) = json.loads((rounds.folder("adjudication_agreement") / "adjudication_agreement.json").read_text())["rounds"]
    every = figures["all"]
    assert (every["n"], every["disputed"], every["decided"], every["outstanding"]) == (n, 3, 0, 0)
    assert every["disputed_share"] == pytest.approx(3 / n)
    # Alpha: seen disagreement 3 of n; by chance a pair out of 9 unmet and 2n - 9 met differs.
    chance = 2 * 9 * (2 * n - 9) / (2 * n * (2 * n - 1))
    assert every["alpha"] == pytest.approx(1 - (3 / n) / chance)
    # Kappa of a pair on its one answer: one says unmet twice, the other once, they differ once.
    assert len(every["kappa"]) == 3
    for pair in every["kappa"]:
        m = pair["n"]
        by_chance = (2 * 1 + (m - 2) * (m - 1)) / m**2
        assert pair["value"] == pytest.approx(((m - 1) / m - by_chance) / (1 - by_chance))
    assert sorted(pair["n"] for pair in every["kappa"]) == sorted(size // 2 for size in sizes.values())
    # The import brings its own step up to date, and leaves the rest.
    assert rounds.stale() == {"stg_raw__verdicts"}


def test_a_third_decides_what_two_differ_on(rounds: Rounds, decided: dict[str, Any]) -> None:
    export = rounds.export("a1")
    n = sum(item.part == 1 for item in export.items) // 2
    assert (decided["agreed"], decided["decided"]) == (n - 3, 3)
    thirds = [item for item in export.items if item.part == 2]
    pairs = {(item.response_id, item.reviewer) for item in export.items if item.part == 1}
    assert len(thirds) == 3 and not {(item.response_id, item.reviewer) for item in thirds} & pairs
    # unmet, met, met.
    rows = rounds.verdicts("adjudicated")
    assert {(row["verdict"], row["judge"]) for row in rows} == {("met", "adjudicated:a1")}
    assert {(row["response_id"], row["criterion_id"]) for row in rows} == {
        (item.response_id, item.criterion_id) for item in thirds
    }
    assert len(rounds.verdicts("human")) == 2 * n + 3
    with pytest.raises(RunFailed, match="^round a1: nothing is disputed$"):
        rounds.out("a1", disputed=True)


def test_a_later_round_draws_none_of_an_earlier_ones_responses(rounds: Rounds, decided: dict[str, Any]) -> None:
    first = {item.response_id for item in rounds.export("a1").items}
    told = rounds.out("a2", reviewers=PEOPLE, count=3, seed=1)
    assert told["left out: labelled_before"] == 3
    assert not {item.response_id for item in rounds.export("a2").items} & first
    assert "adjudication_exports/a1" in told["made_from"]


def test_the_command_says_what_went_out_and_came_back(
    rounds: Rounds, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["--profile", "smoke", "--home", str(rounds.settings.home)]

    def command(*arguments: str) -> tuple[int, list[str], list[str]]:
        code = main([*arguments, *common])
        said = capsys.readouterr()
        return code, said.out.splitlines(), [line for line in said.err.splitlines() if line.startswith("promedical: ")]

    export = ("adjudicate", "export", "--round", "b1")
    code, out, _ = command(*export, "--reviewers", "dr_a", "dr_b", "--count", "1", "--out", str(tmp_path))
    assert code == 0
    items = len(rounds.export("b1").items)
    assert out[0].startswith(f"round b1: 1 responses, {items} items in 1 part(s)")
    assert out[1] == f"6 files in {tmp_path}: a workbook (.xlsx) per reviewer, and the same as Label Studio"
    assert out[-1] == "  promedical adjudicate import FILE …"
    # Without options it is the same round, not one of the default's hundred.
    assert command(*export, "--out", str(tmp_path))[0] == 0
    code, out, error = command(*export, "--count", "2")
    assert (code, out) == (1, [])
    assert error == ["promedical: round b1 is out already with count 1; leave --count out, or export another round"]

    form = tmp_path / "adjudication-b1-dr_a.xlsx"
    code, out, error = command("adjudicate", "import", str(form))
    assert (code, out) == (1, [])
    assert error == [f"promedical: {items // 2} problems; nothing was imported:"]
    fill_in(form, lambda item_id: "met")
    code, out, _ = command("adjudicate", "import", str(form))
    assert (code, out) == (
        0,
        [
            f"round b1: items {items // 2}, outstanding {items // 2}",
            "what depends on it is stale now: promedical run brings it up to date",
        ],
    )
    code, out, error = command(*export, "--disputed")
    assert (code, out) == (1, [])
    assert error == [f"promedical: round b1: nothing is disputed; {items // 2} items are outstanding"]


def test_the_other_commands_say_in_one_line_that_there_is_nothing_yet(
    rounds: Rounds, capsys: pytest.CaptureFixture[str]
) -> None:
    home = str(rounds.settings.home)
    for arguments, message in (
        (
            ["review", "status"],
            "no round has gone out yet; send one with: promedical review export --round r1 --reviewers NAME",
        ),
        (["review", "export", "--round", "r1"], "round r1: name at least one reviewer (a pseudonym)"),
        (
            ["review", "export", "--round", "r1", "--reviewers", "dr_a"],
            "round r1: no draft is left to review; draft more rubrics first",
        ),
        (["calls"], f"no language model has been asked from {home} yet: there is no ledger"),
    ):
        assert main([*arguments, "--home", home]) == 1
        said = capsys.readouterr()
        assert said.out == ""
        assert [line for line in said.err.splitlines() if line.startswith("promedical: ")] == [f"promedical: {message}"]
