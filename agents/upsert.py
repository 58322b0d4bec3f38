"""Inserts or updates rows."""

from collections.abc import Iterable
from typing import TypeVar

from django.db.models import Model

from streams.database import IN_ONE_QUERY

Row = TypeVar("Row", bound=Model)


def upsert(model: type[Row], rows: Iterable[Row], unique: list[str], fields: list[str]) -> None:
    """Insert `rows`; where a row with the same `unique` fields exists, update its `fields`."""
    written = list(rows)
    for row in written:
        if model._meta.pk is not None and model._meta.pk.name not in unique:
            row.pk = None  # rows are matched by `unique`, not by primary key
    if written:
        model._default_manager.bulk_create(
            written, update_conflicts=True, unique_fields=unique, update_fields=fields, batch_size=IN_ONE_QUERY
        )
