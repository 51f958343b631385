"""`shocpp demo --serve`: pages full of life without hardware, until it is stopped.

`site` describes the accounts and chargers, `past` their sessions of the last month, `car` the live
charge; `console` obeys what somebody types, and `serve` runs it all.
"""
