"""What rounds need from Dagster: the partitions' artifacts, and publishing one.

What belongs here: the one way a round's export or return becomes a partition. What is in it is the noun's business.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from assets.interfaces import PARTITIONS_OF, ProjectResource, current_ref, ui_metadata
from assets.reviewing.forms import FormError, Problem
from assets.reviewing.returned import local_copy
from assets.steps import Metadata, made_from
from training.manifests import ArtifactRef, canonical_json, sha256_text
from training.stages import source_hash
from training.storage import Store


class Inbox(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where reviewers' files come back. Apart from the project, which only one run at a time may hold.

    Attributes:
        home: the project folder.
        uri: a folder or fsspec URL (`s3://…`); empty: `<home>/inbox`.
    """

    home: str
    uri: str = ""

    @property
    def place(self) -> str:
        """The folder or URL."""
        return self.uri or str(Path(self.home) / "inbox")


class ImportConfig(dg.Config):
    """Files of one round that came back.

    Attributes:
        files: paths or URLs (`s3://…`).
        replace: whether they may change what was taken in before.
    """

    files: list[str]
    replace: bool = False


def asset_folder(context: dg.AssetExecutionContext, store: Store, asset: str) -> tuple[ArtifactRef, Path]:
    """What an asset without partitions stands for now.

    Raises:
        dg.Failure: it has not been made yet.
    """
    ref = current_ref(context.instance, asset)
    if ref is None:
        raise dg.Failure(f"{asset} has not been made yet; run first: promedical run --select {asset}")
    return ref, store.fetch(ref)


def partition_folder(context: dg.AssetExecutionContext, store: Store, asset: str) -> tuple[ArtifactRef | None, Path | None]:
    """What this run's partition of an asset stands for now; None if nothing."""
    ref = current_ref(context.instance, asset, context.partition_key)
    return ref, store.fetch(ref) if ref else None


def publish_partition(
    context: dg.AssetExecutionContext,
    project: ProjectResource,
    *,
    asset: str,
    inputs: Mapping[str, ArtifactRef],
    config: Mapping[str, Any],
    sources: tuple[str, ...],
    write: Callable[[Path], Metadata],
) -> dg.MaterializeResult[Any]:
    """Publishes what `write` puts into a folder as this run's partition.

    What came from people is no function of its inputs: each publication has a key of its own, and is never skipped.
    """
    store = project.store()
    context.instance.add_dynamic_partitions(PARTITIONS_OF[asset].name or "", [context.partition_key])
    with store.workspace() as folder:
        output = folder / asset
        output.mkdir()
        metadata = write(output)
        key = sha256_text(canonical_json([asset, context.partition_key, context.run_id]))
        manifest = store.publish(
            name=asset,
            folder=output,
            skip_key=key,
            inputs=made_from(inputs, None),
            config=dict(config),
            code_version=source_hash(sources),
            metadata=metadata,
            run_id=context.run_id,
        )
    store.remember(key, {asset: manifest.ref})
    return dg.MaterializeResult(
        asset_key=asset,
        data_version=dg.DataVersion(manifest.ref.digest),
        metadata=ui_metadata(store, store.making(key, manifest.ref), reused=False),
    )


def take_in(files: Sequence[str], take: Callable[[Path], Sequence[Problem]]) -> None:
    """Hands each file to `take`; all problems of all files in one error, after which nothing of any counts.

    Raises:
        dg.Failure: a file has problems; each on a line with its place.
    """
    problems: list[str] = []
    for uri in files:
        name = uri.rsplit("/", 1)[-1]
        try:
            with local_copy(uri) as path:
                problems += [f"{name}: {problem}" for problem in take(path)]
        except FormError as error:
            problems.append(str(error))
    if problems:
        count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
        raise dg.Failure(f"{count}; nothing was imported:\n" + "\n".join(f"  {problem}" for problem in problems))
