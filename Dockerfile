# shocpp in a container: the code read-only in /opt/shocpp, everything of its owner in /data.
# compose.yaml says how to run it, and what to put into /data.

FROM python:3.13-slim-trixie AS installed
WORKDIR /opt/shocpp
# First what changes seldom: an edit of the code does not install everything again.
COPY requirements.lock ./
RUN python -m venv .venv \
    && .venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes --requirement=requirements.lock
COPY . .
# The lock holds the build backend too, so this step asks no index. Editable, because app.py, wsgi.ini and db/
# are found beside the package. Compiled now: later nobody may write here.
RUN .venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --no-build-isolation --no-deps --editable . \
    && .venv/bin/python -m compileall -q app.py gunicorn.conf.py shocpp

FROM python:3.13-slim-trixie
# A number of its own, so that /data can be given to it from outside.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin shocpp \
    && install --directory --owner=shocpp --group=shocpp --mode=700 /data /data/conf
COPY --from=installed /opt/shocpp /opt/shocpp
ENV PATH=/opt/shocpp/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    SHOCPP_HOME=/data
# By number: what runs it can see that this is not root.
USER 10001:10001
WORKDIR /data
# A disk of this machine, not of the network: SQLite's WAL shares memory between processes.
VOLUME /data
EXPOSE 8080
# gunicorn's master is process 1. It reaps its workers and minds TERM itself, so no tini stands before it;
# on TERM it books what has come and says good-bye to every charger.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import http.client, os, sys; web = http.client.HTTPConnection(os.environ.get('WS_ADDRESS') or '127.0.0.1', int(os.environ.get('WS_PORT') or 8080), timeout=4); web.request('GET', '/healthz'); sys.exit(web.getresponse().status != 200)"]
CMD ["shocpp-listener"]
