"""The sentences of findings about limits of current, and the meter of the site (pure)."""

LIMITS = {
    "de": {
        "site_broken": "Die Datei der Limits hat einen Fehler, und bis er behoben ist, gilt kein "
        "gemeinsames Limit: {error}",
        "site_broken_kept": "Die Datei der Limits hat einen Fehler, und bis er behoben ist, gelten "
        "die letzten guten Limits: {error}",
        "member_never_connected": "{file}: „{charge_point}“ in der Gruppe „{group}“ war noch nie "
        "da. Wenn diese Wallbox anders heißt, gilt das Limit der Gruppe für sie nicht. Prüfe den "
        "Namen: shocpp charge-points",
        "house_unknown": "{file}: Ohne Zähler (meter) teilen sich die Wallboxen alle {limit_a} A. "
        "Wenn noch anderes an dieser Sicherung hängt, schreibe als house_a hinein, was es "
        "höchstens zieht, sonst 0.",
        "limits_undecided": "Seit {minutes} min entscheidet niemand über die Limits, obwohl ein "
        "Server läuft. Starte ihn neu.",
        # Chargers
        "limit_refused": "{charge_point} lehnt Limits ab. Gerechnet wird mit {max_a} A, und andere "
        "Wallboxen bekommen weniger. {own_maximum}",
        "limit_ignored": "{charge_point} nimmt Limits an und hält sie nicht ein. Gerechnet wird "
        "mit {max_a} A, und andere Wallboxen bekommen weniger. {own_maximum}",
        "limit_unanswered": "{charge_point} hat auf das letzte Limit nicht geantwortet. Gerechnet "
        "wird mit {max_a} A, und andere Wallboxen bekommen weniger. {own_maximum}",
        "limit_unverifiable": "{charge_point} meldet weder Strom noch Leistung, darum lässt sich "
        "nicht prüfen, ob sie Limits einhält. Gerechnet wird mit {max_a} A. Lass sie "
        "Current.Import senden (MeterValuesSampledData), oder bürge für sie: "
        '"follows_limits": true in {file}',
        "own_maximum": "Stelle den höchsten Strom in der Wallbox selbst ein, und trage ihn als "
        "max_a in {file} ein.",
        "maxima_exceed": "Auf {phase} können Wallboxen, die Limits nicht sicher einhalten, "
        "zusammen {sum_a} A ziehen, mehr als die {limit_a} A {bound}: {charge_points}. Stelle den "
        "höchsten Strom in jeder selbst ein, und trage ihn als max_a in {file} ein.",
        "of_site": "des Anschlusses",
        "of_group": "der Gruppe „{group}“",
        "base_of_zero": "Ohne den Server lädt hier niemand: {charge_points}. Für je "
        "{fallback_a} A reichen die Limits neben dem Haus nicht. Wer zuerst drankommt, sagt "
        "priority in {file}.",
        "sun_without_meter": "Nur mit Sonne zu laden ist voreingestellt (mode), aber {file} hat "
        "keinen Zähler, darum wird schnell geladen: {names}. Trage meter ein (docs/power.md).",
        "limit_kept_last": "{charge_point} kennt kein Limit, das von selbst endet. Ohne den Server "
        "bliebe das letzte in Kraft, darum bekommt diese Wallbox höchstens {fallback_a} A "
        "(fallback_a).",
        "more_phases": "{charge_point} lädt auf mehr Phasen, als phases in {file} sagt, darum wird "
        "auf den anderen zu wenig gerechnet. Schreibe dort 3, oder lass phases weg.",
        "above_maximum": "{charge_point} hat {observed_a} A gezogen, mehr als max_a in {file}: "
        "{max_a} A. Stelle den höchsten Strom in der Wallbox selbst ein, oder erhöhe max_a, "
        "wenn die Leitung es verträgt.",
        "many_limits": "{charge_point} hat in 24 Stunden {writes} Limits bekommen. Ab {most} wird "
        "ihr Limit nur noch selten erhöht, denn jedes kann ihren Speicher abnutzen. Ein größerer "
        "Abstand zum Limit (margin_a) oder ein kleineres max_a macht das seltener.",
        # Phases
        "switch_unknown": "{charge_point}: Wie diese Wallbox ihre Phasen umschaltet, ist nicht "
        "bekannt, darum bleibt sie auf drei. Schreibe in {file} statt phase_switch true das "
        "Mittel ihres Herstellers hinein, oder lass phase_switch weg.",
        "switch_refused": "{charge_point} lehnt es ab, die Phasen umzuschalten, und bleibt, wie "
        "sie ist. Prüfe, ob sie es kann und ob es in ihr erlaubt ist; sonst lass phase_switch in "
        "{file} weg.",
        "switch_ignored": "{charge_point} nimmt die Umschaltung auf eine Phase an und lädt auf "
        "mehreren weiter. Gerechnet wird mit drei. Prüfe, ob es in ihr erlaubt ist; sonst lass "
        "phase_switch in {file} weg.",
        # The meter
        "meter_silent_polled": "Der Zähler {url} liefert keine Werte. Solange bekommt jede Wallbox "
        "höchstens {fallback_a} A. Prüfe, ob er erreichbar ist.",
        "meter_silent_topic": "Der Zähler schickt nichts an das Topic {topic}. Solange bekommt "
        "jede Wallbox höchstens {fallback_a} A. Prüfe, ob er läuft und das Topic stimmt; "
        "gespeicherte Nachrichten (retained) zählen nicht.",
        "meter_unreadable": "Der Zähler liefert keine Werte: {error}. Solange bekommt jede Wallbox "
        "höchstens {fallback_a} A. Mach ihn erreichbar, oder berichtige meter in {file}.",
        "meter_silent_posted": "Seit mehr als {stale_s} s hat kein Programm einen Wert des Zählers "
        "an /api/site gesendet. Solange bekommt jede Wallbox höchstens {fallback_a} A. Prüfe das "
        "Programm, das ihn sendet.",
        "meter_frozen": "Der Zähler meldet seit Minuten genau dieselben Werte, obwohl ein Auto "
        "lädt. Solange bekommt jede Wallbox höchstens {fallback_a} A. Starte den Zähler neu, oder "
        "prüfe, woher die Werte kommen.",
        "meter_reversed": "Der Zähler hat das falsche Vorzeichen: Zieht ein Auto mehr, meldet er "
        "weniger. Solange bekommt jede Wallbox höchstens {fallback_a} A. Bezug muss positiv sein: "
        "Kehre das Vorzeichen von factor in {file} um, oder im Programm, das die Werte sendet.",
        "meter_implausible": "Der Zähler meldet mehr, als die Sicherung tragen kann. Solange "
        "bekommt jede Wallbox höchstens {fallback_a} A. Prüfe unit und factor in {file}, oder das "
        "Programm, das die Werte sendet.",
        "meter_absent": "Der Zähler merkt nichts von den Autos. Seine Werte zählen darum als Last "
        "des Hauses allein. Misst er die Wallboxen mit? Dann prüfe url und paths in {file}.",
        # The grid operator
        "dim_lost": "Das Signal des Netzbetreibers fehlt seit {since}. {state} {mend}",
        "dim_never": "Vom Netzbetreiber kam noch kein Signal. {mend} Prüfe einmal, ob es ankommt.",
        "dim_holds_dimmed": "So lange gilt der letzte Stand: gedimmt.",
        "dim_holds_free": "So lange gilt der letzte Stand: nicht gedimmt.",
        "dim_means_dimmed": "So lange gilt: gedimmt.",
        "dim_means_free": "So lange gilt: nicht gedimmt.",
        "dim_mend_polled": "Mach das Gerät erreichbar, oder berichtige url und path in {file}: "
        "{error}",
        "dim_mend_posted": "Prüfe das Programm, das es an /api/site sendet (stale_s in {file}).",
        "dim_mend_mqtt": "Prüfe den Broker und das Topic {topic}.",
        # What no software can promise
        "limits_no_promise": "Limits ersetzen weder eine Sicherung noch den höchsten Strom, der in "
        "jeder Wallbox selbst eingestellt ist. Stelle ihn so ein, wie es ihre Leitung verlangt.",
        "limits_go_e": "{charge_points} von go-e: Mit Firmware 56.2 galt kein Limit mehr, sobald "
        "das WLAN weg war, und die Wallbox lud mit vollem Strom. Stelle den höchsten Strom in "
        "jeder selbst ein.",
    },
    "en": {
        "site_broken": "{error}; no common limit is in force until it is corrected",
        "site_broken_kept": "{error}; the last good limits stay in force until it is corrected",
        "member_never_connected": "{file}: {charge_point!r} in the group {group!r} has never "
        "connected; if its name is another one, the group's limit does not hold for it; check it: "
        "shocpp charge-points",
        "house_unknown": "{file}: without a meter, the chargers share all {limit_a} A; if anything "
        "else is behind this fuse, write the most that it draws as house_a, otherwise 0",
        "limits_undecided": "nobody has decided on limits for {minutes} min although a server is "
        "running; restart it",
        "limit_refused": "{charge_point} refuses limits; it counts as {max_a} A, and others "
        "get less; {own_maximum}",
        "limit_ignored": "{charge_point} accepts limits and does not keep them; it counts as "
        "{max_a} A, and others get less; {own_maximum}",
        "limit_unanswered": "{charge_point} has not answered its newest limit; it counts as "
        "{max_a} A, and others get less; {own_maximum}",
        "limit_unverifiable": "{charge_point} reports neither current nor power, so nothing "
        "shows if it keeps limits; it counts as {max_a} A; let it send Current.Import "
        '(MeterValuesSampledData), or vouch for it: "follows_limits": true in {file}',
        "own_maximum": "set its highest current in the charger itself, and write it as max_a into "
        "{file}",
        "maxima_exceed": "on {phase}, chargers that may not keep limits may draw {sum_a} A "
        "together, more than the {limit_a} A {bound}: {charge_points}; set the highest current in "
        "each of them, and write it as max_a into {file}",
        "of_site": "of the site",
        "of_group": "of the group {group!r}",
        "base_of_zero": "without the server, nobody charges here: {charge_points}; {fallback_a} A "
        "for each do not fit into the limits beside the house; priority in {file} says who comes "
        "first",
        "sun_without_meter": "the default mode is solar, but {file} has no meter, so these "
        "charge fast: {names}; write meter into it (docs/power.md)",
        "limit_kept_last": "{charge_point} takes no limit that ends by itself; without the server "
        "the last one would stay in force, so it gets at most {fallback_a} A (fallback_a)",
        "more_phases": "{charge_point} charges on more phases than phases in {file} says, so "
        "too little counts on the others; write 3, or leave it out",
        "above_maximum": "{charge_point} drew {observed_a} A, more than its max_a in {file}: "
        "{max_a} A; set its highest current in the charger itself, or raise max_a if its cable "
        "allows it",
        "many_limits": "{charge_point} was sent {writes} limits in 24 hours; from {most} on its "
        "limit is raised rarely, because each may wear out its memory; a wider margin_a or a lower "
        "max_a makes that rarer",
        "switch_unknown": "{charge_point}: nobody knows how this charger switches its phases, so "
        "it stays on three; write the means of its vendor into {file} instead of phase_switch "
        "true, or leave phase_switch out",
        "switch_refused": "{charge_point} refuses to switch its phases and stays as it is; check "
        "that it can, and that it is allowed in the charger itself; otherwise leave phase_switch "
        "in {file} out",
        "switch_ignored": "{charge_point} accepts one phase and goes on with several; it counts "
        "with three; check that switching is allowed in the charger itself; otherwise leave "
        "phase_switch in {file} out",
        "meter_silent_polled": "the meter {url} gives no values; meanwhile each charger gets at "
        "most {fallback_a} A; check that it can be reached",
        "meter_silent_topic": "the meter sends nothing to the topic {topic}; meanwhile each "
        "charger gets at most {fallback_a} A; check that it runs, and the topic; retained messages "
        "do not count",
        "meter_unreadable": "{error}; meanwhile each charger gets at most {fallback_a} A; make it "
        "reachable, or correct meter in {file}",
        "meter_silent_posted": "no program has posted a value of the meter to /api/site for more "
        "than {stale_s} s; meanwhile each charger gets at most {fallback_a} A; check the program "
        "that posts it",
        "meter_frozen": "the meter has reported exactly the same values for minutes although a car "
        "charges; meanwhile each charger gets at most {fallback_a} A; restart the meter, or check "
        "where its values come from",
        "meter_reversed": "the meter has the wrong sign: when a car draws more, it reports less; "
        "meanwhile each charger gets at most {fallback_a} A; import must be positive: reverse "
        "the sign of factor in {file}, or in the program that posts the values",
        "meter_implausible": "the meter reports more than the fuse can carry; meanwhile each "
        "charger gets at most {fallback_a} A; check unit and factor in {file}, or the program that "
        "posts the values",
        "meter_absent": "the meter does not notice cars, so its values count as the load of the "
        "house alone; if it measures the chargers, too, check url and paths in {file}",
        "dim_lost": "the grid operator's signal has been lost since {since}; {state}; {mend}",
        "dim_never": "no signal of the grid operator has come yet; {mend}; test once that it "
        "arrives",
        "dim_holds_dimmed": "meanwhile the last state holds: dimmed",
        "dim_holds_free": "meanwhile the last state holds: not dimmed",
        "dim_means_dimmed": "meanwhile the chargers are dimmed",
        "dim_means_free": "meanwhile the chargers are not dimmed",
        "dim_mend_polled": "make the device reachable, or correct url and path in {file}: {error}",
        "dim_mend_posted": "check the program that posts it to /api/site (stale_s in {file})",
        "dim_mend_mqtt": "check the broker and the topic {topic}",
        "limits_no_promise": "limits replace neither a fuse nor the highest current that is set in "
        "each charger itself; set it there as its cable demands",
        "limits_go_e": "{charge_points} by go-e: with firmware 56.2 no limit was in force any more "
        "once the WLAN was gone, and the charger went to full current; set the highest current in "
        "the charger itself",
    },
}
"""Each sentence by its key."""
