"""What the API asks of Temporal: read, start, request, tell. The only door to the workflows."""
