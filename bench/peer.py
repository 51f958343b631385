"""The peer in Python: the Central System of the documentation of PyPI `ocpp`, on `websockets`.

    python -m bench.peer PORT

It validates by the package's schemas, as its users do, and answers, but stores nothing.
"""

import asyncio
import contextlib
import sys
from datetime import UTC, datetime
from typing import Any

import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result
from ocpp.v16.datatypes import IdTagInfo
from ocpp.v16.enums import Action, AuthorizationStatus, RegistrationStatus
from websockets.asyncio.server import ServerConnection

ADDRESS = "127.0.0.1"


class Peer(ChargePoint):
    """A connection that answers the messages of the benchmarks."""

    @on(Action.boot_notification)
    def boot_notification(self, **_: Any) -> call_result.BootNotification:
        return call_result.BootNotification(_now(), 300, RegistrationStatus.accepted)

    @on(Action.heartbeat)
    def heartbeat(self, **_: Any) -> call_result.Heartbeat:
        return call_result.Heartbeat(_now())

    @on(Action.meter_values)
    def meter_values(self, **_: Any) -> call_result.MeterValues:
        return call_result.MeterValues()

    @on(Action.start_transaction)
    def start_transaction(self, **_: Any) -> call_result.StartTransaction:
        return call_result.StartTransaction(1, IdTagInfo(AuthorizationStatus.accepted))

    @on(Action.stop_transaction)
    def stop_transaction(self, **_: Any) -> call_result.StopTransaction:
        return call_result.StopTransaction(IdTagInfo(AuthorizationStatus.accepted))

    @on(Action.authorize)
    def authorize(self, **_: Any) -> call_result.Authorize:
        return call_result.Authorize(IdTagInfo(AuthorizationStatus.accepted))

    @on(Action.status_notification)
    def status_notification(self, **_: Any) -> call_result.StatusNotification:
        return call_result.StatusNotification()


def _now() -> str:
    return datetime.now(UTC).isoformat()


async def _serve(connection: ServerConnection) -> None:
    assert connection.request is not None
    charge_point = Peer(connection.request.path.strip("/"), connection)
    with contextlib.suppress(websockets.exceptions.ConnectionClosed):
        await charge_point.start()


async def main(port: int) -> None:
    """Serve until the process ends."""
    subprotocol = websockets.Subprotocol("ocpp1.6")
    async with websockets.serve(_serve, ADDRESS, port, subprotocols=[subprotocol]) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
