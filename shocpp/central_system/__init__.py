"""The rooms of the Central System: the switchboard and its conversations, the bookkeeper, calls."""
