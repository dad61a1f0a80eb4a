# The sidecar as an image: built in one stage, run in another as a user that owns nothing but its data.
# What is installed is pinned by hash in lock/image.txt; the base by its tag, or by you:
#   docker build --build-arg PYTHON=python:3.13-slim-trixie@sha256:... .
ARG PYTHON=python:3.13-slim-trixie

FROM ${PYTHON} AS build
WORKDIR /build
RUN python -m venv /opt/sidecar
COPY lock/image.txt lock/
# pysqlite3 among it, but on ARM: an SQLite that is newer than the distribution's, for the books alone.
RUN /opt/sidecar/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes \
        --requirement lock/image.txt
COPY pyproject.toml README.md LICENSE ./
COPY ledger ledger
COPY pricing pricing
COPY sidecar sidecar
RUN /opt/sidecar/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation .

FROM ${PYTHON}
RUN useradd --uid 10402 --home-dir /data --shell /usr/sbin/nologin sidecar \
 && install -d -o sidecar -g sidecar -m 0700 /data
COPY --from=build /opt/sidecar /opt/sidecar
# The base image leaves out what Python's own library compiles to, and its user may not keep it: every start
# would compile it again, for a second. So what a start imports is compiled here.
RUN /opt/sidecar/bin/python -c "import sidecar.commands.serve, sidecar.serving, sidecar.wiring"
ENV PATH=/opt/sidecar/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10402:10402
WORKDIR /data
VOLUME /data
# 8402 buyers, 8403 operator, 8404 agent: only the first is for the world.
EXPOSE 8402
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8402/__402/health', timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["sidecar"]
CMD ["serve", "--config", "/data/sidecar.yaml"]
