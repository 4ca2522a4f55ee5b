"""The figures of the README, each printed again by one command."""
