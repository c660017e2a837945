# The image of evloopd: the two programs on Debian's minimal system, run by a numeric user without rights.
#
#   docker build -t evloopd .
#   docker run -p 8080:8080 -p 9464:9464 --read-only --tmpfs /tmp --cap-drop ALL evloopd
#
# To pin the base by digest: --build-arg BASE=debian@sha256:...
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
WORKDIR /src
COPY deploy/packages deploy/install-packages deploy/
RUN deploy/install-packages build
COPY . .
RUN cmake --preset quickstart && cmake --build --preset quickstart \
    && strip build/quickstart/bin/evloopd build/quickstart/bin/evloopctl

FROM ${BASE}
COPY deploy/packages deploy/install-packages /tmp/deploy/
RUN /tmp/deploy/install-packages runtime && apt-get clean && rm -rf /tmp/deploy /var/lib/apt/lists/* \
    && install -d -o 65532 -g 65532 -m 0755 /run/evloopd
COPY --from=build /src/build/quickstart/bin/evloopd /src/build/quickstart/bin/evloopctl /usr/bin/
COPY config/evloopd.yaml /etc/evloopd/evloopd.yaml

# The default configuration serves on loopback; in a container that would be nobody.
ENV EVLOOPD_LISTEN=0.0.0.0
USER 65532:65532
WORKDIR /run/evloopd
EXPOSE 8080 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["evloopctl", "health"]
ENTRYPOINT ["evloopd", "--config", "/etc/evloopd/evloopd.yaml"]
