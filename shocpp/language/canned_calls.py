"""The words about canned calls, for commands and pages (pure)."""

CANNED_CALLS = {
    "de": {
        "power": "sagt die Leistung",
        "state": "sagt den Zustand",
        "energy": "sagt die Energie von {account} in diesem Monat",
        "start": "startet mit der Karte {card}",
        "start_of": "startet mit der Karte {card} von {account}",
        "start_waits": "startet mit der Karte {card}, und wartet, bis das Auto lädt",
        "start_of_waits": "startet mit der Karte {card} von {account}, und wartet, bis das Auto "
        "lädt",
        "stop": "beendet den offenen Ladevorgang",
        "stop_of": "beendet den offenen Ladevorgang von {account}",
        "stop_transaction": "beendet den Ladevorgang {transaction}",
        "limit": "begrenzt auf {limit}",
        "limit_until": "begrenzt auf {limit} bis {until} Uhr",
        "limit_off": "hebt das gewählte Limit auf",
        "mode": "wählt die Ladeart: {mode}",
        "mode_default": "lässt wieder laden wie voreingestellt",
        "sends": "sendet {action}",
    },
    "en": {
        "power": "tells the power",
        "state": "tells the state",
        "energy": "tells the energy of {account} this month",
        "start": "starts with the card {card}",
        "start_of": "starts with the card {card} of {account}",
        "start_waits": "starts with the card {card}, and waits until the car charges",
        "start_of_waits": "starts with the card {card} of {account}, and waits until the car "
        "charges",
        "stop": "stops the open transaction",
        "stop_of": "stops the open transaction of {account}",
        "stop_transaction": "stops the transaction {transaction}",
        "limit": "limits to {limit}",
        "limit_until": "limits to {limit} until {until}",
        "limit_off": "takes the chosen limit back",
        "mode": "chooses the mode: {mode}",
        "mode_default": "takes the chosen mode back",
        "sends": "sends {action}",
    },
}
"""The effects of canned calls, without a subject, by their keys."""
