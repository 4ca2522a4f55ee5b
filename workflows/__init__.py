"""What should happen: durable workflows, and in `machine/` the rules they run."""
