"""The project as a resource: what `promedical run` takes as options, to assets as to the command line.

What belongs here: the choices and holding the project folder. How they are set is orchestration's business.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

from assets.lock import ProjectBusy, only_run
from assets.steps import Settings
from training.storage import Store

# A run with this tag waits so many seconds for the project folder: nobody is there to start it again.
WAIT_TAG = "promedical/wait_seconds"


class ProjectResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where everything is kept, which profile, which sources, which file: what `promedical run` takes as options.

    Attributes:
        home: the project folder.
        profile: smoke, local or paper.
        sources: names, each with its place if it has another than its own.
        config: the user's file.
        chosen: the same but for home as JSON, from whoever starts the UI; what it names counts.
    """

    home: str
    profile: str = "local"
    sources: list[str] = ["corpus"]
    config: str | None = None
    chosen: str = ""

    @classmethod
    def of(cls, settings: Settings) -> "ProjectResource":
        """The resource that stands for these choices."""
        return cls(
            home=str(settings.home),
            profile=settings.profile,
            sources=list(settings.sources),
            config=str(settings.config) if settings.config else None,
        )

    def settings(self) -> Settings:
        """The choices as plain data."""
        choices: dict[str, Any] = {"profile": self.profile, "sources": self.sources, "config": self.config}
        choices |= json.loads(self.chosen or "{}")
        return Settings(
            profile=choices["profile"],
            sources=tuple(choices["sources"]),
            home=Path(self.home),
            config=Path(choices["config"]) if choices["config"] else None,
        )

    def store(self) -> Store:
        """The artifact store."""
        return Store(self.settings().store_root)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["ProjectResource"]:
        """Holds the project folder for as long as a run uses it: two runs may not rebuild the same warehouse.

        Raises:
            dg.Failure: another process has a run in it, still after the seconds of the run's WAIT_TAG.
        """
        tags = context.run.tags if context.run else {}
        try:
            with only_run(self.settings().home, wait_seconds=float(tags.get(WAIT_TAG, 0))):
                yield self
        except ProjectBusy as error:
            raise dg.Failure(str(error)) from error
