"""`python -m activities.provision`: TaskRouter set up for the engine, from a file."""
