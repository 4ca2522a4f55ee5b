"""Routes for Twilio: signed callbacks in, TwiML out."""
