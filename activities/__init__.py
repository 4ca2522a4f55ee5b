"""How Twilio does it: REST calls as Temporal activities. Knows nothing of transfers."""
