"""The files of conf/: read whole, checked key by key, replaced whole."""
