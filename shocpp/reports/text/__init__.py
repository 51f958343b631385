"""Blocks of the text format that have a layout for each version of snapshots."""
