"""The part of `shocpp check` for limits of current."""
