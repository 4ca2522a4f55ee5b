"""The pure heart: what is true, what may happen, what to do about it. Standard library only."""
