"""Decisions of humans before they are written: their cases, and their plans."""
