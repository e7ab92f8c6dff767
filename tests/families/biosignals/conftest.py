"""The figures of these tables' tests are made as those of the other tables are."""

from tests.tables.conftest import pictures, rendered

__all__ = ["pictures", "rendered"]
