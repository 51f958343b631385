"""The sticker of a charger: GET /sticker/garage, an A6 sheet with a QR code of /c/garage."""

from urllib.parse import quote

from flask import Flask, Response

from shocpp.admission.people.roles import ADMINISTER
from shocpp.interfaces.qr_code import qr_image
from shocpp.interfaces.web.own_addresses import is_only_here, page_address
from shocpp.interfaces.web.pages.chargers.charger_pages import ChargerPages, path_of
from shocpp.interfaces.web.pages.form_pages import not_there


class Stickers(ChargerPages):
    """The stickers of chargers."""

    def add_to(self, app: Flask) -> None:
        """Register the view."""
        path = "/sticker/<charge_point>"
        app.add_url_rule(path, "sticker", self._sticker, methods=["GET"])

    def _sticker(self, charge_point: str) -> Response:
        """Show the sticker of a charger that is on file or listed."""
        person = self.visitor(ADMINISTER)
        with self._connect(self._settings.database) as db:
            charger = self.charger(db, charge_point)
        if not charger.is_known:
            raise not_there()
        address = page_address(self._settings)
        url = f"{address}/c/{quote(charger.charge_point_id, safe='')}"
        return self.page(
            "sticker.html",
            person,
            charger=charger,
            url=url,
            code=qr_image(url),
            only_here=is_only_here(address),
            back=path_of(charger.charge_point_id),
        )
