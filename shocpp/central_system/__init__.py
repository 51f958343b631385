"""The loop that serves all connected Charge Points: conversations, reception, call desk."""
