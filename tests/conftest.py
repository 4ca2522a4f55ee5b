"""What holds for every folder of tests. Fixtures live beside the tests that need them."""

import gc

import pytest

YOUNG_MAX = 50_000
"""Objects made before the collector looks for cycles among them."""
LONG = ("tests/chaos/", "tests/e2e/")
"""Folders whose files take longest."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files first: no process shall be at one when nothing is left for the others."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "slow: left out of `make test`; has a verb of its own in the Makefile"
    )


def pytest_collection_finish() -> None:
    """What was imported stays: the collector need not walk through it again and again, which is a
    good part of the time of tests that make many small objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_MAX, *gc.get_threshold()[1:])
