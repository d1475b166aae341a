"""Sensors: files that come back from people.

What belongs here: noticing. What a file says, and whether it is whole, is asked when it is taken in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import dagster as dg
import fsspec

from assets.interfaces import PARTITIONS_OF, WAIT_TAG
from assets.reviewing.forms import FormError
from assets.reviewing.interfaces import Inbox
from assets.reviewing.returned import SUFFIXES
from orchestration.jobs import round_jobs
from orchestration.rounds import EXPORT_OF, JOB_OF, RETURN_OF, round_of_file

_SECONDS = 30
# A chain that is running may take hours; files of one round are taken in one after the other.
_WAIT_SECONDS = 24 * 3600


@dg.sensor(
    name="returned_files",
    jobs=[job for job in round_jobs() if job.name.startswith("import_")],
    minimum_interval_seconds=_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Takes in forms that reviewers put into the inbox: <home>/inbox, or a folder or s3:// prefix given to the UI.",
)
def returned_files(context: dg.SensorEvaluationContext, inbox: Inbox) -> dg.SensorResult:
    """One run for each new or changed file that belongs to a round of this project folder; others are named in the log."""
    seen: dict[str, str] = json.loads(context.cursor) if context.cursor else {}
    found = dict(files_in(inbox.place))
    # What could not be read or belongs to no round that is out is looked at again: either may change without the file.
    handled = {uri: version for uri, version in found.items() if seen.get(uri) == version}
    requests = []
    for uri, version in sorted(found.items()):
        if uri in handled:
            continue
        try:
            kind, name = round_of_file(uri)
        except FormError as error:
            context.log.warning(f"{inbox.place}: {error}")
            continue
        if name not in context.instance.get_dynamic_partitions(PARTITIONS_OF[EXPORT_OF[kind]].name or ""):
            context.log.warning(f"{uri}: round {name} never went out from this project folder")
            continue
        handled[uri] = version
        requests.append(
            dg.RunRequest(
                run_key=f"{uri}@{version}",
                job_name=f"import_{JOB_OF[kind]}",
                partition_key=name,
                run_config={"ops": {RETURN_OF[kind]: {"config": {"files": [uri], "replace": False}}}},
                tags={WAIT_TAG: str(_WAIT_SECONDS)},
            )
        )
    # Only what is still there is remembered, or the cursor would grow for ever.
    cursor = json.dumps(handled, sort_keys=True)
    if not requests:
        known = f"{len(found)} known or of no round here" if found else "no form"
        return dg.SensorResult(skip_reason=f"nothing new in {inbox.place} ({known})", cursor=cursor)
    return dg.SensorResult(run_requests=requests, cursor=cursor)


def files_in(inbox: str) -> Iterator[tuple[str, str]]:
    """URL and version (size and time of change, or etag) of every form in a folder or under a prefix; none if it is absent."""
    filesystem, path = fsspec.core.url_to_fs(inbox)
    if not filesystem.isdir(path):
        return
    # What was listed before is forgotten: another process puts the files there.
    filesystem.invalidate_cache()
    for entry in filesystem.ls(path, detail=True):
        if entry["type"] == "file" and str(entry["name"]).lower().endswith(SUFFIXES):
            version = entry.get("ETag") or f"{entry['size']}-{entry.get('mtime')}"
            yield filesystem.unstrip_protocol(entry["name"]), str(version).strip('"')
