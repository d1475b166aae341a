"""What the run shows, in one honest paragraph and in one table for the terminal.

What belongs here: the rules by which a figure may be called an effect. A reward model counts as better than a baseline, and a
policy as better than its base, only if the 95 % interval of the paired difference lies above 0 and its p is below 0.05 after
Holm's correction over the planned comparisons; a policy gain also has to be validated by a panel reward model that was trained
on other data (see `training/benchmark/panel_check.py`). A model's verdicts that mean little are named before anything else.
"""

from __future__ import annotations

import textwrap

from assets.reports.figures import (
    SAME,
    SYSTEM_NAMES,
    TIER_OF_SCORE,
    Cell,
    Metrics,
    Row,
    above_zero,
    caveats,
    cell,
    find_row,
    interval_text,
    not_identified,
    number,
    system_name,
)

WIDTH = 100
BASELINES = ("longer_is_better", "majority", "lexical_overlap")
# The figure that speaks for a reward model: does it order two responses as the labels do.
_OVERALL = {"section": "overall", "tier": "all", "metric": "accuracy"}


def beaten_baselines(reward_model: Metrics) -> list[str]:
    """The baselines whose overall accuracy the reward model exceeds by more than chance (`above_zero`)."""
    rows = reward_model["differences"]
    found = {b: find_row(rows, system="reward_model", against=b, **_OVERALL) for b in BASELINES}
    return [baseline for baseline, row in found.items() if above_zero(row)]


def _policy_sentence(policy: Metrics, gain: Row | None) -> str:
    if gain is None or gain["value"] is None:
        return f"The policy could not be compared with its base model by the panel judge ({policy['reason']})."
    size = (
        f"{number(gain['value'], 'overall', signed=True)} "
        f"{interval_text(gain['low'], gain['high'], 'overall', signed=True)}".rstrip()
    )
    measured = f"By the panel judge the aligned policy differs from its base model by {size} in overall score (n = {gain['n']})"
    if policy["policy_gain_validated"]:
        return f"{measured}; the judge beats lexical overlap on labelled verdicts, so the gain counts as validated."
    return f"{measured}: {policy['reason']}."


def headline(reward_model: Metrics, policy: Metrics) -> str:
    """The paragraph at the top of the report."""
    counts = reward_model["counts"]
    overall = find_row(reward_model["figures"], system="reward_model", source="all", **_OVERALL)
    shown = cell(overall)
    beaten = beaten_baselines(reward_model)
    names = [SYSTEM_NAMES[b].lower() for b in BASELINES]
    missed = [SYSTEM_NAMES[b].lower() for b in BASELINES if b not in beaten]
    if shown.value == "n/a":
        first = "The reward model's overall accuracy could not be measured on this benchmark."
    else:
        pairs = f"{overall['n']:,} response pairs" if overall else ""
        first = f"The reward model orders {shown.value} {shown.interval} of {pairs} as the labels do".replace("  ", " ")
        if not missed:
            first += f", above every baseline ({', '.join(names)})."
        elif beaten:
            above = ", ".join(SYSTEM_NAMES[b].lower() for b in beaten)
            first += f": above {above}, but not distinguishable from, or below, {', '.join(missed)}."
        else:
            first += f"; over no baseline ({', '.join(names)}) is its lead distinguishable from none."
    built = reward_model["judge_kinds"].get("construction", 0)
    made = f"{built:,} of the {counts['verdicts']:,} verdicts are known by construction of synthetic responses" if built else ""
    gain = find_row(policy["differences"], section="panel", metric="overall")
    size = f"{counts['instructions']:,} benchmark instructions in {counts['clusters']:,} clusters"
    if not missed or policy["policy_gain_validated"]:
        last = f"All figures rest on {size}: they hold for this benchmark and say nothing about patients."
    else:
        last = f"With {size} the run shows that the chain works from end to end; it is too small to show an effect."
    built_by_us = [f"{made}, not judged by people."] if made else []
    return " ".join((first, *caveats(reward_model, ["reward_model"]), _policy_sentence(policy, gain), last, *built_by_us))


def _line(cells: list[str], widths: list[int]) -> str:
    return "  ".join(text.ljust(w) if i == 0 else text.rjust(w) for i, (text, w) in enumerate(zip(cells, widths, strict=True)))


def headline_table(reward_model: Metrics, policy: Metrics) -> str:
    """The main figures as plain text for a terminal, at most 100 columns wide."""
    wanted = (
        ("pairwise macro", {"section": "pairwise", "tier": "macro", "metric": "accuracy"}),
        ("pointwise AUC macro", {"section": "pointwise", "tier": "macro", "metric": "auc"}),
        ("overall", _OVERALL),
    )
    # A rival's name has up to 24 characters.
    widths = [24, 22, 22, 22]
    lines = [_line(["reward models", *(title for title, _ in wanted)], widths)]
    for system in reward_model["systems"]:
        cells = [
            Cell(value="not identified")
            if not_identified(reward_model, system=system, **key)
            else cell(find_row(reward_model["figures"], system=system, source="all", **key))
            for _, key in wanted
        ]
        lines.append(_line([system_name(system), *(f"{c.value} {c.interval}".strip() for c in cells)], widths))
    widths = [30, 12, 12, 30]
    lines += ["", _line(["policy", "base", "aligned", "difference"], widths)]
    for judge in ("own", "panel"):
        for metric, title in (("overall", "overall"), ("s1", "S1"), ("safety_compliance", "safety")):
            lines.append(_policy_line(policy, judge, metric, f"{title}, {judge} judge", widths))
    lines.append(_policy_line(policy, "answers", "refusal_rate", "refusals", widths))
    counts = reward_model["counts"]
    lines += [
        "",
        f"{counts['instructions']:,} benchmark instructions, {counts['clusters']:,} clusters; 95 % intervals in brackets",
    ]
    if not policy["policy_gain_validated"]:
        lines.append(policy["reason"])
    for caveat in caveats(reward_model, ["reward_model", "panel_reward_model"]):
        lines += textwrap.wrap(caveat, WIDTH)
    return "\n".join(line.rstrip()[:WIDTH] for line in lines)


def _policy_line(policy: Metrics, section: str, metric: str, title: str, widths: list[int]) -> str:
    base, aligned = (
        cell(find_row(policy["figures"], section=section, system=s, metric=metric)).value for s in ("base", "policy")
    )
    change = cell(find_row(policy["differences"], section=section, metric=metric), signed=True)
    # A judge that says the same to every answer finds no difference, whatever there is.
    flat = TIER_OF_SCORE.get(metric) in policy["judges"].get(section, {}).get("uninformative", ())
    return _line([title, base, aligned, SAME if flat else f"{change.value} {change.interval}".strip()], widths)
