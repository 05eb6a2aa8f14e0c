"""The exceptions are those that the docstring draws."""

from __future__ import annotations

import re

import pytest

from sardana_redis import errors

CLASSES = [getattr(errors, name) for name in errors.__all__ if name != "Outage"]


def drawn_parents() -> dict[str, str | None]:
    """Each class in the docstring's tree with the one above it."""
    parents: dict[str, str | None] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"    ([│├└─ ]*)([A-Z]\w+)", line)
        if found:
            depth = len(found[1]) // 4
            del path[depth:]
            parents[found[2]] = path[-1] if path else None
            path.append(found[2])
    return parents


def test_the_tree_in_the_docstring_is_that_of_the_classes() -> None:
    assert drawn_parents() == {
        cls.__name__: None if cls.__base__ is Exception else cls.__base__.__name__
        for cls in CLASSES
    }


def test_every_error_has_the_one_base() -> None:
    assert all(issubclass(cls, errors.SardanaRedisError) for cls in CLASSES)


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_says_what_it_is(cls: type) -> None:
    assert (cls.__doc__ or "").endswith(".")


def test_an_outage_carries_message_and_reason() -> None:
    error = errors.StoreUnavailable("Redis is full", errors.Outage.FULL)
    assert str(error) == "Redis is full"
    assert error.reason is errors.Outage.FULL
