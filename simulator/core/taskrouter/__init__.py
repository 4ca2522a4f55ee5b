"""TaskRouter on the simulated network: queues, workers, tasks, reservations and instructions."""
