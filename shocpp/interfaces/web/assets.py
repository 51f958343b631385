"""The package files of the pages: style sheet, module, icons; and the headers of every page.

All of them have one content hash in their URL: a page names the files that it was made for, and
browsers keep them for ever. Within the folder, files name each other by relative URLs.
"""

import gzip
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import NamedTuple

from flask import Flask, Response, render_template, request

from shocpp.interfaces.http.refusals import Refused

CONTENT_TYPES = {
    "css": "text/css; charset=utf-8",
    "mjs": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "webmanifest": "application/manifest+json",
}
"""The content types of package files by their suffix."""

PAGE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
        "manifest-src 'self'"
    ),
    # `no-referrer` would make browsers send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""The headers of every page."""

FILE_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
    # A sprite that is opened by itself is a document.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
}

HASH_DIGITS = 12
"""Hexadecimal digits of the content hash in URLs."""


class PackageFile(NamedTuple):
    """A package file as it is sent, plain and compressed; None if that would not be smaller."""

    content: bytes
    compressed: bytes | None
    content_type: str


class Package(NamedTuple):
    """The package files by name, and the hash of all of them."""

    files: dict[str, PackageFile]
    content_hash: str


@lru_cache(maxsize=1)
def package() -> Package:
    """Return the package files, read and compressed once."""
    found, digest = {}, sha256()
    folder = files("shocpp.interfaces.web").joinpath("static")
    for item in sorted(folder.iterdir(), key=lambda one: one.name):
        kind = item.name.rpartition(".")[2]
        if kind in CONTENT_TYPES:
            content = item.read_bytes()
            digest.update(f"{item.name} {len(content)}\n".encode() + content)
            compressed = gzip.compress(content, 9, mtime=0)
            smaller = compressed if len(compressed) < 0.9 * len(content) else None
            found[item.name] = PackageFile(content, smaller, CONTENT_TYPES[kind])
    return Package(found, digest.hexdigest()[:HASH_DIGITS])


def url_of(name: str) -> str:
    """Return the URL of a package file; raises KeyError for a name that is none."""
    known = package()
    known.files[name]  # a wrong name in a template fails in tests, not in a browser
    return f"/static/{known.content_hash}/{name}"


def page(template: str, status: int = 200, **values: object) -> Response:
    """Return a page made from a template, with the headers of every page."""
    text = render_template(template, asset=url_of, **values)
    return Response(text, status, headers=PAGE_HEADERS, mimetype="text/html")


def add_to(app: Flask) -> None:
    """Register the view of the package files."""
    app.add_url_rule(
        "/static/<content_hash>/<name>", "package_file", _package_file, methods=["GET"]
    )


def _package_file(content_hash: str, name: str) -> Response:
    """Answer a request for a package file; a page of another version gets those of this one."""
    known = package()
    found = known.files.get(name)
    if found is None:
        raise Refused(404, f"{request.path!r} is not a file of this server", is_logged=True)
    # Two workers may have two versions during an upgrade: the file serves, but must not be kept.
    headers = FILE_HEADERS
    if content_hash != known.content_hash:
        headers = {**FILE_HEADERS, "Cache-Control": "no-store"}
    content = found.content
    response = Response(content, headers=headers, content_type=found.content_type)
    if found.compressed is not None and request.accept_encodings.quality("gzip") > 0:
        response.set_data(found.compressed)
        response.headers["Content-Encoding"] = "gzip"
    return response
