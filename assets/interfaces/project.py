"""The project as a resource: what `promedical run` takes as options, to assets as to the command line.

What belongs here: the choices and holding the project folder. How they are set is orchestration's business.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from assets.lock import ProjectBusy, only_run
from assets.steps import Settings
from training.storage import Store


class ProjectResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where everything is kept, which profile, which sources, which file: what `promedical run` takes as options."""

    home: str
    profile: str = "local"
    sources: list[str] = ["corpus"]
    config: str | None = None

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
        return Settings(
            profile=self.profile,
            sources=tuple(self.sources),
            home=Path(self.home),
            config=Path(self.config) if self.config else None,
        )

    def store(self) -> Store:
        """The artifact store."""
        return Store(self.settings().store_root)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["ProjectResource"]:
        """Holds the project folder for as long as a run uses it: two runs may not rebuild the same warehouse.

        Raises:
            dg.Failure: another process has a run in it.
        """
        try:
            with only_run(self.settings().home):
                yield self
        except ProjectBusy as error:
            raise dg.Failure(str(error)) from error
