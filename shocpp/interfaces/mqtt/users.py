"""The user of the connection that a server gives to its companion."""

from shocpp.central_system.feed import Feed
from shocpp.configuration.mqtt import MqttConf
from shocpp.interfaces.mqtt.companion import NewUser, StoppableUser
from shocpp.settings import Settings
from shocpp.store.thread_database import OpenDatabase


def publishing_by(settings: Settings, connect: OpenDatabase, feed: Feed) -> NewUser:
    """Return the function that makes the publishing of a mqtt.json; `feed` is of this process."""

    def new_user(conf: MqttConf) -> StoppableUser:
        # Imported here: without a mqtt.json nobody needs it.
        from shocpp.interfaces.mqtt.publishing import Publishing

        return Publishing(settings, conf, connect, feed)

    return new_user
