"""One Charge Point over stdin and stdout."""
