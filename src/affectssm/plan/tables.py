"""The tables of a configuration: where they lie, and what stands in the folder that users look into."""

from __future__ import annotations

import json
from difflib import get_close_matches
from pathlib import Path

from affectssm.errors import ConfigError
from affectssm.families.base import Family
from affectssm.plan.corpora import CorpusPlan
from affectssm.plan.text import shell_words
from affectssm.store.code import code_hash
from affectssm.tables import standing
from affectssm.tables.fault_tables import fault_tables
from affectssm.tables.published import published_hash
from affectssm.vocabulary.outside import brought_by
from affectssm.vocabulary.stages import table_modules


class TablePlan:
    """The tables of all families.

    Args:
        places: where the corpora lie.
        owners: table -> its family.
    """

    def __init__(self, places: CorpusPlan, owners: dict[str, Family]) -> None:
        self.places, self.owners = places, owners
        self.folder = f"{places.results}/tables"

    def no_such_table(self, mistyped: str) -> ConfigError:
        """What to say of a table's name that no table has."""
        known = tuple(self.owners)
        near = get_close_matches(mistyped, known, n=1) or known
        return ConfigError(
            f"results/tables/{mistyped}.csv", "no table of this name", f"one of {', '.join(known)}",
            f"ask for results/tables/{near[0]}.csv",
        )  # fmt: skip

    def edition(self, table: str) -> str:
        """Return the edition of a table: that of the corpora it rests on."""
        return self.owners[table].edition

    def files(self, table: str) -> dict[str, str]:
        """Return the files of a table in the edition of this configuration, by what they are."""
        return standing.files_of(f"{self.folder}/{self.edition(table)}", table)

    def edition_text(self, table: str) -> str:
        """Return what a table of this configuration says in its first column."""
        corpora = self.owners[table].held
        demo = [corpus for corpus in corpora if corpus in self.places.demo_data]
        return standing.edition_text(self.edition(table), corpora, demo)

    def require_corpus(self, table: str) -> None:
        """Refuse a table none of whose corpora is held, or that its family refuses.

        Raises:
            ConfigError: naming them.
        """
        self.owners[table].require(table)
        needed = self.owners[table].needed_by(table)
        if needed and not self.places.held(needed):
            roots = " or ".join(f"corpora.{corpus}.root" for corpus in needed)
            raise ConfigError(
                f"{self.folder}/{table}.csv",
                "none of the corpora that it rests on is held",
                f"{roots}: a folder or a demo",
                "give a folder, or ask for another table",
            )

    @property
    def there(self) -> list[str]:
        """The tables that this configuration can have."""
        return [table for table in self.owners if self._refusal(table) is None]

    def _refusal(self, table: str) -> ConfigError | None:
        try:
            self.require_corpus(table)
        except ConfigError as error:
            return error
        return None

    def require_no_lab_table(self, table: str) -> None:
        """Refuse to put a demo's table over one of somebody's own corpora.

        Raises:
            ConfigError: naming both and what to do.
        """
        own, found = self.edition_text(table), standing.standing_edition(self.folder, table)
        if found is None or standing.is_demo(found) or not standing.is_demo(own):
            return
        raise ConfigError(
            f"{self.folder}/{table}.csv",
            f"a table of edition {found}, and a configuration that asks for the one of the demo ({own})",
            "the configuration that this table was made with",
            f"repeat --configfile; or, for the demo's table, ask for {self.files(table)['csv']}, or move "
            f"{self.folder}/{table}.* away first",
        )

    def take_away(self, table: str) -> str | None:
        """Delete a table that stands in ``results/tables`` and is to be made anew; return what to say of it.

        What stands there is what was asked for last or, after a run that did not come to its end, nothing.
        """
        found = standing.standing_edition(self.folder, table)
        if not standing.take_away(self.folder, table):
            return None
        return f"{self.folder}/{table}.* (edition {found or standing.UNKNOWN}) is taken away: it is made anew"

    def faults_behind(self, table: str) -> list[str]:
        """Return every fault table behind a table, of discovery and of every feature; the manifests must be there."""
        owner = self.owners[table]
        folders = [Path(folder) for folder in self._corpora(table)]
        return [str(path) for path in fault_tables(folders, owner.features_behind(table))]

    def table_code(self, table: str) -> str:
        """Return the hash of the code that makes a table."""
        return code_hash(*table_modules(table))

    def table_arguments(self, table: str) -> str:
        """Return the arguments of ``affectssm table`` that the rule's own files do not say."""
        owner = self.owners[table]
        settings = owner.table_settings(table)
        # a demo's folder given by its path is no owner's corpus
        given = set(self.places.demo_data) & set(owner.corpora_behind(table))
        settings |= {"demo": sorted({*settings["demo"], *given}), "edition": self.edition_text(table)}
        settings |= {"published": published_hash(table)}
        behind = ("--fault-features", *owner.features_behind(table))
        told = ("--settings", json.dumps(settings, sort_keys=True))
        return shell_words(*brought_by("table", table), "--corpora", *self._corpora(table), *behind, *told)

    def _corpora(self, table: str) -> list[str]:
        results = self.places.results
        corpora = self.owners[table].corpora_behind(table)
        return [f"{results}/corpora/{self.places.name(corpus)}" for corpus in corpora]


def said_of_times(jobs: int) -> str:
    """What to say of jobs that run again because of times alone."""
    return (
        f"{jobs} job{'s run' if jobs != 1 else ' runs'} again, and what hangs on them, only because a file is "
        "newer than what was made of it. If results/ was copied without its times (cp -r), stop here, add --touch "
        "to this command once, and then run it as it was"
    )
