"""A make-believe garage: what `shocpp demo` and the end-to-end tests plug into a Central System.

`charge_point` behaves like a go-eCharger, `wire` is its connection and its memory of what is still
unsaid, `words` says every frame in plain English. Floor: doors. They may import downwards, open
sockets and start threads; nobody imports them but the CLI and the tests.
"""
