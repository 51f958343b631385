"""The sharing of current: limits that hold, fair shares and the failsafe; pure functions."""
