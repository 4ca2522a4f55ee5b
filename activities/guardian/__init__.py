"""The guardian's errands: what Twilio shows in bulk, held against what the workflows believe."""
