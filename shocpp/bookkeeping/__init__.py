"""The writing thread, and everything that happens inside its write transactions."""
