"""The present state as retained messages, and as devices of Home Assistant."""
