# The images that run Python: `make images`, or one of them with
#   docker build --target spec-writer -t sardana-redis/spec-writer .
# Redis' image is images/redis. docs/images.md says how each is run.
ARG BASE=docker.io/library/python:3.11-slim-bookworm

# --- what all share: an account, and no file that is not asked for ----------------------------
FROM ${BASE} AS base
ENV PYTHONUNBUFFERED=1
RUN groupadd --gid 1000 sardana \
 && useradd --uid 1000 --gid 1000 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin sardana \
 && mkdir -p /data /etc/sardana-redis /var/lib/sardana /var/lib/tango \
 && chown 1000:1000 /data /var/lib/sardana /var/lib/tango

FROM base AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
RUN python -m venv --without-pip /opt/sardana-redis
COPY images/slim.py images/

# What each set of extras needs, so that another change of pyproject.toml installs nothing anew.
FROM build AS requirements
COPY pyproject.toml ./
COPY images/requirements.py images/
RUN python images/requirements.py > writer.txt \
 && python images/requirements.py nexus-writer > nexus.txt \
 && python images/requirements.py macroserver > macroserver.txt \
 && python images/requirements.py --only tango-db > tango-db.txt

# --- environments without our source, one for each set of extras ------------------------------
FROM build AS writer-packages
COPY constraints.txt images/spec-writer/left-out.txt ./
COPY --from=requirements /src/writer.txt requirements.txt
RUN python -m pip --python /opt/sardana-redis/bin/python install --no-compile -c constraints.txt -r requirements.txt \
 && python images/slim.py /opt/sardana-redis left-out.txt

FROM build AS nexus-packages
COPY constraints.txt images/nexus-writer/left-out.txt ./
COPY --from=requirements /src/nexus.txt requirements.txt
RUN python -m pip --python /opt/sardana-redis/bin/python install --no-compile -c constraints.txt -r requirements.txt \
 && python images/slim.py /opt/sardana-redis left-out.txt

# Sardana loads its macros and controllers at each start: those get their bytecode from pip.
FROM build AS macroserver-packages
COPY constraints.txt images/macroserver/left-out.txt ./
COPY --from=requirements /src/macroserver.txt requirements.txt
RUN python -m pip --python /opt/sardana-redis/bin/python install -c constraints.txt -r requirements.txt \
 && python images/slim.py /opt/sardana-redis left-out.txt

FROM build AS tango-db-packages
COPY constraints.txt images/tango-db/left-out.txt ./
COPY --from=requirements /src/tango-db.txt requirements.txt
RUN python -m pip --python /opt/sardana-redis/bin/python install --no-compile -c constraints.txt -r requirements.txt \
 && python images/slim.py /opt/sardana-redis left-out.txt

# --- our source, as a wheel made in here; what is imported now has its bytecode in the image --
FROM build AS wheel
COPY pyproject.toml README.md LICENSE LICENSE.GPL-3 blredis.conf ./
COPY sardana_redis sardana_redis
RUN python -m pip wheel --no-deps --wheel-dir /wheels .

FROM writer-packages AS writer-environment
COPY images/smoke.py images/
COPY --from=wheel /wheels /wheels
RUN python -m pip --python /opt/sardana-redis/bin/python install --no-compile --no-deps /wheels/*.whl \
 && /opt/sardana-redis/bin/python images/smoke.py sardana_redis.cli.* sardana_redis.memory_tracker.* \
    sardana_redis.spec_writer._service

FROM nexus-packages AS nexus-environment
COPY images/smoke.py images/
COPY --from=wheel /wheels /wheels
RUN python -m pip --python /opt/sardana-redis/bin/python install --no-compile --no-deps /wheels/*.whl \
 && /opt/sardana-redis/bin/python images/smoke.py sardana_redis.cli.* sardana_redis.nexus_writer.*

FROM macroserver-packages AS macroserver-environment
COPY images/smoke.py images/
COPY --from=wheel /wheels /wheels
RUN python -m pip --python /opt/sardana-redis/bin/python install --no-compile --no-deps /wheels/*.whl \
 && /opt/sardana-redis/bin/python images/smoke.py sardana_redis.cli.* sardana_redis.device_server.* \
    sardana_redis.recorder.* sardana.tango.pool.Pool sardana.tango.macroserver.MacroServer sardana.spock itango

FROM tango-db-packages AS tango-db-environment
COPY images/smoke.py images/
RUN /opt/sardana-redis/bin/python images/smoke.py databaseds.database databaseds.db_access.sqlite3

# --- the images ---------------------------------------------------------------------------------
FROM base AS service
LABEL org.opencontainers.image.vendor="sardana-redis" \
      org.opencontainers.image.licenses="LGPL-3.0-or-later"
ENV PATH=/opt/sardana-redis/bin:/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONDONTWRITEBYTECODE=1
USER 1000:1000
WORKDIR /data
STOPSIGNAL SIGTERM

FROM service AS spec-writer
LABEL org.opencontainers.image.title="spec-writer" \
      org.opencontainers.image.description="Writes SPEC files from scans in Redis"
COPY --from=writer-environment /opt/sardana-redis /opt/sardana-redis
EXPOSE 8080
ENTRYPOINT ["sardana-redis", "spec-writer"]

FROM service AS memory-tracker
LABEL org.opencontainers.image.title="memory-tracker" \
      org.opencontainers.image.description="Keeps Redis within its memory"
COPY --from=writer-environment /opt/sardana-redis /opt/sardana-redis
EXPOSE 8080
ENTRYPOINT ["sardana-redis", "memory-tracker"]

FROM service AS nexus-writer
LABEL org.opencontainers.image.title="nexus-writer" \
      org.opencontainers.image.description="Writes NeXus files from scans in Redis"
COPY --from=nexus-environment /opt/sardana-redis /opt/sardana-redis
EXPOSE 8080
ENTRYPOINT ["sardana-redis", "nexus-writer"]

# Tango servers want an account for their user id, also for one that the image does not know.
FROM service AS tango-service
USER 0:0
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libnss-wrapper \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log
COPY images/macroserver/with-account /usr/local/bin/
USER 1000:1000

FROM tango-service AS tango-db
LABEL org.opencontainers.image.title="tango-db" \
      org.opencontainers.image.description="A Tango database in an SQLite file"
COPY --from=tango-db-environment /opt/sardana-redis /opt/sardana-redis
COPY images/tango-db/start /usr/local/bin/tango-db
EXPOSE 10000
ENTRYPOINT ["tango-db"]

# Sardana's spock asks questions; ours, found first, does not.
FROM tango-service AS macroserver
LABEL org.opencontainers.image.title="macroserver" \
      org.opencontainers.image.description="Sardana's MacroServer with the recorder, its Pool, and spock"
COPY --from=macroserver-environment /opt/sardana-redis /opt/sardana-redis
COPY images/macroserver/spock /opt/sardana-redis/first/
ENV PATH=/opt/sardana-redis/first:/opt/sardana-redis/bin:/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
EXPOSE 8080 8081
ENTRYPOINT ["with-account", "sardana-redis"]
CMD ["device-server", "macroserver"]
