"""A simulated Charge Point, for `shocpp demo` and the end-to-end tests.

`charge_point` behaves like a go-eCharger, `connection` sends its Calls and repeats what is
unanswered, `words` describes every frame in plain English. `play` and `server` run the demo. The
other packages do not import this one; only the CLI and the tests do.
"""
