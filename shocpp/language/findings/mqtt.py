"""The sentences about the MQTT broker and the inputs of the site that come from there."""

MQTT = {
    "de": {
        "mqtt_broken": "Die Datei des MQTT-Brokers hat einen Fehler, und bis er behoben ist, gibt "
        "es kein MQTT: {error}",
        "mqtt_broken_kept": "Die Datei des MQTT-Brokers hat einen Fehler, und bis er behoben ist, "
        "gilt ihr letzter guter Inhalt: {error}",
        "broker_lost": "Seit {minutes} min gibt es kein MQTT: {error}. Starte den Broker, oder "
        "berichtige {file}.",
        "broker_plain": "Das Passwort für den Broker {host} geht im Klartext durchs Netz. Richte "
        "dort TLS ein, und schreibe tls in {file}.",
        "signal_unreadable": "Das Signal des Netzbetreibers ist nicht lesbar, und das letzte gilt "
        "weiter: {error}. Prüfe dim in {file}, oder das Gerät, das es sendet.",
        "topic_without_broker": "In {site_file} steht das Topic {topic}, aber {file} mit dem "
        "Broker fehlt. Lege die Datei an; mqtt.json.example ist ein Muster.",
        "payer_of_nothing": "In {file} nennt start_as {charge_point}, aber keine Wallbox heißt so. "
        "Berichtige den Namen.",
        "payer_unknown": "In {file} nennt start_as für {charge_point} das Konto {account}, das es "
        "nicht gibt. Berichtige den Namen.",
    },
    "en": {
        "mqtt_broken": "{error}; there is no MQTT until it is corrected",
        "mqtt_broken_kept": "{error}; its last good content stays in force until it is corrected",
        "broker_lost": "{error}; there has been no MQTT for {minutes} min; start the broker, or "
        "correct {file}",
        "broker_plain": "the password for the broker {host} crosses the network in plain text; set "
        "TLS up there, and write tls into {file}",
        "signal_unreadable": "{error}; the last signal of the grid operator stays in force; check "
        "dim in {file}, or the device that sends it",
        "topic_without_broker": "{site_file} names the topic {topic}, but there is no {file} with "
        "the broker; write it after mqtt.json.example",
        "payer_of_nothing": "{file}: start_as names {charge_point}, which is no charger; correct "
        "the name",
        "payer_unknown": "{file}: start_as of {charge_point} names the account {account}, which "
        "does not exist; correct the name",
    },
}
"""Each sentence by its key."""
