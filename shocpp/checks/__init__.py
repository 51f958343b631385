"""The findings of `shocpp check` and `shocpp tariffs check`."""
