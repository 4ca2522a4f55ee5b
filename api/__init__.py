"""How people and Twilio reach the engine. Holds no truth."""
