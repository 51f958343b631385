"""The former name of `shocpp.interfaces`, for console scripts of an older checkout."""
