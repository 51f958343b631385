"""The sentences about the grid operator's dimming (pure)."""

DIMMING = {
    "de": {
        "dimmed": "Der Netzbetreiber dimmt seit {since}: Alle Wallboxen zusammen bekommen "
        "höchstens {watts} W aus dem Netz.",
        "dimmed_by_loss": "Alle Wallboxen zusammen bekommen seit {since} höchstens {watts} W aus "
        "dem Netz, weil das Signal des Netzbetreibers fehlt.",
        "free": "Der Netzbetreiber dimmt gerade nicht. Dimmt er, bekommen alle Wallboxen zusammen "
        "höchstens {watts} W aus dem Netz.",
        "no_signal": "Vom Netzbetreiber kam noch kein Signal. Dimmt er, bekommen alle Wallboxen "
        "zusammen höchstens {watts} W aus dem Netz.",
        "lost_hold_dimmed": "Das Signal des Netzbetreibers fehlt seit {since}. So lange gilt der "
        "letzte Stand: gedimmt.",
        "lost_hold_free": "Das Signal des Netzbetreibers fehlt seit {since}. So lange gilt der "
        "letzte Stand: nicht gedimmt.",
        "lost_dimmed": "Das Signal des Netzbetreibers fehlt seit {since}. So lange gilt: gedimmt.",
        "lost_free": "Das Signal des Netzbetreibers fehlt seit {since}. So lange gilt: nicht "
        "gedimmt.",
    },
    "en": {
        "dimmed": "The grid operator has been dimming since {since}: all chargers together get "
        "{watts} W from the grid at most.",
        "dimmed_by_loss": "Since {since}, all chargers together get {watts} W from the grid at "
        "most, because the grid operator's signal is lost.",
        "free": "The grid operator is not dimming now. While it does, all chargers together get "
        "{watts} W from the grid at most.",
        "no_signal": "The grid operator has sent no signal yet. While it dims, all chargers "
        "together get {watts} W from the grid at most.",
        "lost_hold_dimmed": "The grid operator's signal has been lost since {since}. Meanwhile the "
        "last state holds: dimmed.",
        "lost_hold_free": "The grid operator's signal has been lost since {since}. Meanwhile the "
        "last state holds: not dimmed.",
        "lost_dimmed": "The grid operator's signal has been lost since {since}. Meanwhile the "
        "chargers are dimmed.",
        "lost_free": "The grid operator's signal has been lost since {since}. Meanwhile the "
        "chargers are not dimmed.",
    },
}
"""The sentences about the present dimming and the loss of its signal, for `site.dimming`."""

SOURCES = {
    "de": {"posted": "API", "polled": "abgefragt", "mqtt": "MQTT", "loss": "Signal fehlt"},
    "en": {"posted": "API", "polled": "polled", "mqtt": "MQTT", "loss": "signal lost"},
}
"""The words for the inputs of a signal, and for its loss."""
