"""The telephone network itself: pure and synchronous. No I/O, no wall clock, no global random."""
