"""stub."""

from shocpp.energy.model import Connector
from shocpp.energy.state.model import ConnectorState, SwitchState


def stepped(
    connector: Connector, memory: ConnectorState, wanted: int | None, now_ms: int
) -> SwitchState:
    return memory.switch


def pauses(state: SwitchState) -> bool:
    return False


def command(connector: Connector, memory: ConnectorState) -> int | None:
    return None
