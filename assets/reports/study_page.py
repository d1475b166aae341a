"""The study's page: its answers, tables and plots as HTML and as Markdown, and the table for a terminal.

What belongs here: putting the parts together. Plain functions: the same study gives the same bytes.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from assets.reports import study_plots
from assets.reports.figures import Row
from assets.reports.paper import CITATION
from assets.reports.study_records import openings_table, paper_ablations, training_table
from assets.reports.study_tables import (
    COUNT,
    difference_table,
    kqa_tables,
    main_table,
    pairwise_tables,
    verdict_tables,
)
from assets.reports.study_words import Study, answers, caveats, counted
from assets.reports.tables import Table
from assets.reports.templates import environment

WIDTH = 100
LIMITS = (
    "Nothing here is medical advice, and no model of this study may be used on patients.",
    "The embedded corpus is synthetic: its responses are composed of fragments, so that their verdicts are known. K-QA's "
    "answers are real, and few.",
    "Three seeds drawn anew understate how far seeds spread: read the single seeds beside an interval.",
    "Small models, few steps: a variant that loses here need not lose at the paper's scale.",
)


def render_study(study: Study, curves: Mapping[str, Sequence[Row]], *, profile: str) -> dict[str, str]:
    """Builds the page.

    Args:
        study: the content of study.json.
        curves: the content of curves.json.
        profile: smoke, local or paper.

    Returns:
        File name → content: study.html, study.md.
    """
    said = answers(study)
    html = (
        environment()
        .get_template("study.html.j2")
        .render(
            profile=profile,
            study=study,
            answers=said,
            caveats=caveats(study),
            most_seeds=counted(max(map(len, study["seeds"].values())), "seed", "seeds"),
            ablations=study_plots.ablations(study),
            main=main_table(study),
            differences=difference_table(study),
            concordance=study_plots.concordance(study),
            pairwise=pairwise_tables(study),
            verdicts=verdict_tables(study),
            kqa=kqa_tables(study),
            training=training_table(study),
            curves=study_plots.training(study, curves),
            paper=paper_ablations(),
            citation=CITATION,
            openings=openings_table(study),
            limits=LIMITS,
        )
    )
    return {"study.html": html, "study.md": _markdown(study, profile)}


def _markdown(study: Study, profile: str) -> str:
    parts = [f"# Study of the reward model (profile {profile})", ""]
    for said in answers(study):
        parts += [f"- **{said.question}** {said.word}. {said.why}"]
    parts += ["", *(f"> {text}" for text in caveats(study))]
    tables = [
        main_table(study),
        difference_table(study),
        *pairwise_tables(study),
        *verdict_tables(study),
        *kqa_tables(study),
        training_table(study),
        paper_ablations(),
        openings_table(study),
    ]
    return "\n".join([*parts, *(markdown_table(table) for table in tables)]) + "\n"


def markdown_table(table: Table) -> str:
    """A table in Markdown, its caption as a heading."""
    lines = ["", f"## {table.caption}", "", "| " + " | ".join(table.columns) + " |", "| --- " * len(table.columns) + "|"]
    for row in table.rows:
        texts = [" ".join(part for part in (c.value, c.interval, f"({c.n})" if c.n else "") if part) for c in row]
        lines.append("| " + " | ".join(text.replace("|", "/") for text in texts) + " |")
    return "\n".join([*lines, *(["", table.note] if table.note else [])])


def study_headline(study: Study) -> str:
    """The ablations and the answers as plain text for a terminal, at most 100 columns wide."""
    heads = {"Discordant preferences": "discordant", "Pairwise, macro": "pairwise macro", "Safety F1": "safety F1"}
    heads["K-QA AUC"] = "K-QA AUC"
    table = main_table(study)
    shown = [[column.partition(COUNT)[0] for column in table.columns].index(name) for name in heads]
    lines = [["", *heads.values()]]
    for row in table.rows:
        # A range of two seeds is no interval: it stands without brackets.
        bounds = [row[i].interval.removeprefix("seeds ").replace(" to ", "–") for i in shown]
        texts = [f"{row[i].value.removesuffix(' %')} {bound}".strip() for i, bound in zip(shown, bounds, strict=True)]
        lines.append([row[0].value.partition(" (")[0], *texts])
    widths = [max(len(line[i]) for line in lines) + 2 for i in range(len(heads) + 1)]
    text = [
        "".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True)))
        for line in lines
    ]
    text += ["per cent, AUC apart; 95 % intervals over clusters and seeds in brackets, ranges of two seeds without", ""]
    for said in answers(study):
        text += [said.question, *textwrap.wrap(f"{said.word}. {said.why}", WIDTH, initial_indent="  ", subsequent_indent="  ")]
    for caveat in caveats(study):
        text += textwrap.wrap(f"! {caveat}", WIDTH, subsequent_indent="  ")
    return "\n".join(text)
