"""The samples of meter values: registers and powers that are read from them, and signed values."""
