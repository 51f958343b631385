# shocpp in a container: the installed wheel is in /opt/shocpp, read-only, and all data of its owner in /data.
# compose.yaml shows how to run it, and which files belong into /data.

FROM python:3.13-slim-trixie AS installed
WORKDIR /build
# The locked packages first, because they change seldom: an edit of the code does not install them again.
COPY requirements.lock ./
RUN python -m venv /opt/shocpp/.venv \
    && /opt/shocpp/.venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes --requirement=requirements.lock
COPY . .
# The lock also holds the build backend, so this step needs no package index. pip compiles what it installs: the folder
# is read-only later.
RUN /opt/shocpp/.venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --no-build-isolation --no-deps .

FROM python:3.13-slim-trixie
# A fixed user id, so that the host can make /data belong to it.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin shocpp \
    && install --directory --owner=shocpp --group=shocpp --mode=700 /data /data/conf
COPY --from=installed /opt/shocpp /opt/shocpp
ENV PATH=/opt/shocpp/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    SHOCPP_HOME=/data
# By number, so that the container runtime can verify that this is not root.
USER 10001:10001
WORKDIR /data
# It must be on a local disk, not on a network share: SQLite's WAL shares memory between processes.
VOLUME /data
EXPOSE 8080
# gunicorn's master is process 1. It reaps its workers and handles TERM itself, so no tini is needed. On TERM the
# workers book all received messages, and send a Close to every charger.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import http.client, os, sys; web = http.client.HTTPConnection(os.environ.get('WS_ADDRESS') or '127.0.0.1', int(os.environ.get('WS_PORT') or 8080), timeout=4); web.request('GET', '/healthz'); sys.exit(web.getresponse().status != 200)"]
CMD ["shocpp-listener"]
