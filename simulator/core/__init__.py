"""The network itself: pure, on a clock that can be turned."""
