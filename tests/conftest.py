"""Markers that every folder of tests may use. Fixtures live beside the tests that need them."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "slow: left out of `make test`; has a verb of its own in the Makefile"
    )
