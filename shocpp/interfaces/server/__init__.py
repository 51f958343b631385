"""The server process: its start, its log, and the lingering close of web clients."""
