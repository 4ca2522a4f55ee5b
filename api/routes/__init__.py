"""Routes for people: one thin function per button."""
