"""A telephone network in one process that speaks Twilio's API. Imports nothing of the engine."""
