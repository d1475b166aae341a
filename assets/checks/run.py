"""Running the suites: frames in, plain results with the failing rows out, and Data Docs written by Great Expectations itself.

What belongs here: the only use of great_expectations, imported inside functions since that takes seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from assets.checks.frames import build_frame
from assets.checks.suites import SUITES, Suite
from training.manifests import sha256_file
from training.snapshot import TABLES

MAX_ROWS = 20


@dataclass(frozen=True, kw_only=True)
class ExpectationResult:
    """What became of one rule.

    Attributes:
        key: the rule's key.
        passed: whether it holds; False too if it could not be evaluated.
        detail: how many rows fail, what was seen instead, or why it could not be evaluated; empty if it passed.
        failing_rows: at most 20, each by the columns that name it and those the rule is about.
    """

    key: str
    passed: bool
    detail: str
    failing_rows: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class SuiteResult:
    """What became of one table's contract; `data_version` is the sha256 of the Parquet file that was checked."""

    table: str
    passed: bool
    data_version: str
    expectations: list[ExpectationResult]


def run_suite(table: str, tables: Path | Mapping[str, Path], data_docs: Path | None = None) -> SuiteResult:
    """Checks one table's contract.

    Args:
        table: a key of SUITES.
        tables: a folder with one Parquet file per mart, or mart → its file.
        data_docs: a folder for the HTML report, or None for no report.

    Raises:
        KeyError: the table has no suite, or a mart that its frame needs is missing.
    """
    return _run([SUITES[table]], tables, data_docs)[0]


def run_suites(
    names: Iterable[str], tables: Path | Mapping[str, Path], data_docs: Path | None = None
) -> dict[str, dict[str, Any]]:
    """Checks several contracts with one report over all of them; table → its result as plain data."""
    return {result.table: asdict(result) for result in _run([SUITES[name] for name in names], tables, data_docs)}


def _run(suites: list[Suite], tables: Path | Mapping[str, Path], data_docs: Path | None) -> list[SuiteResult]:
    files = {table: tables / f"{table}.parquet" for table in TABLES} if isinstance(tables, Path) else tables
    context = _context(data_docs)
    source = context.data_sources.add_pandas("marts")
    results = []
    for suite in suites:
        validation = _validate(context, source, suite, files)
        # Expectations that raised come first in GX's list, so results are matched by key.
        by_key = {result.expectation_config.meta["key"]: result for result in validation.results}
        outcomes = [_outcome(rule.key, by_key[rule.key]) for rule in suite.rules]
        results.append(
            SuiteResult(
                table=suite.table,
                passed=all(outcome.passed for outcome in outcomes),
                data_version=sha256_file(files[suite.table]),
                expectations=outcomes,
            )
        )
    if data_docs is not None:
        context.build_data_docs(site_names=["contracts"])
    return results


def _context(data_docs: Path | None) -> Any:
    import great_expectations as gx
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults

    quiet = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        analytics_enabled=False,
        progress_bars={"globally": False, "metric_calculations": False},
    )
    context = gx.get_context(mode="ephemeral", project_config=quiet)
    if data_docs is not None:
        data_docs.mkdir(parents=True, exist_ok=True)
        site = {
            "class_name": "SiteBuilder",
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(data_docs.absolute())},
        }
        context.add_data_docs_site(site_name="contracts", site_config=site)
    return context


def _validate(context: Any, source: Any, suite: Suite, files: Mapping[str, Path]) -> Any:
    import great_expectations as gx
    from great_expectations import expectations

    batch = source.add_dataframe_asset(suite.table).add_batch_definition_whole_dataframe("all")
    expectation_suite = context.suites.add(gx.ExpectationSuite(name=suite.table))
    for rule in suite.rules:
        expectation = getattr(expectations, rule.expectation)
        expectation_suite.add_expectation(expectation(**rule.arguments, meta={"key": rule.key}))
    definition = context.validation_definitions.add(
        gx.ValidationDefinition(name=suite.table, data=batch, suite=expectation_suite)
    )
    return definition.run(
        batch_parameters={"dataframe": build_frame(suite.query, files)},
        result_format={
            "result_format": "SUMMARY",
            "unexpected_index_column_names": list(suite.identity),
            "partial_unexpected_count": MAX_ROWS,
        },
    )


def _outcome(key: str, result: Any) -> ExpectationResult:
    if result.success:
        return ExpectationResult(key=key, passed=True, detail="", failing_rows=[])
    found = result.result
    rows = [{name: _plain(value) for name, value in row.items()} for row in found.get("partial_unexpected_index_list") or []]
    if "unexpected_count" in found:
        detail = f"{found['unexpected_count']} of {found['element_count']} rows fail"
    elif "observed_value" in found:
        detail = f"observed {_plain(found['observed_value'])}"
    else:
        detail = f"could not be evaluated: {_reason(result.exception_info)}"
    return ExpectationResult(key=key, passed=False, detail=detail, failing_rows=rows[:MAX_ROWS])


def _reason(info: Mapping[str, Any]) -> str:
    nested = [part["exception_message"] for part in info.values() if isinstance(part, Mapping)]
    return "; ".join(nested) or str(info.get("exception_message"))


def _plain(value: Any) -> Any:
    """A numpy scalar as Python's own, and a missing value as None: results become JSON and Dagster metadata."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and math.isnan(value) else value
