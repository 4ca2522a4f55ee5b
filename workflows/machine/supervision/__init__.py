"""Supervision of a call: who listens, who speaks to whom, and how that follows the call."""
