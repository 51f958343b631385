"""The loop that holds every connected Charge Point: conversations, reception, call desk."""
