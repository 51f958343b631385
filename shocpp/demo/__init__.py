"""A simulated Charge Point, for `shocpp demo` and the end-to-end tests.

`charge_point` behaves like a go-eCharger, `connector` holds its cable, meter and transaction,
`limits` its charging profiles. `connection` sends its Calls and repeats those without an answer,
`words` describes every frame in plain English. `play` and `server` run the demo of ten seconds,
`serving` the one that serves pages. The other packages do not import this one; only the CLI and the
tests do.
"""
