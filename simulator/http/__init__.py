"""The network's face: REST, control, TwiML fetching and webhooks over HTTP."""
