"""The HTTP faces of the network: Twilio's REST API, webhooks and the control face."""
