# The first stage builds the program and cross-compiles where the image is for another machine; the second is what it made and
# nothing else. `scripts/image build` calls this with its arguments; by hand it is
#   docker buildx build --platform linux/amd64,linux/arm64 --build-arg REVISION="$(git rev-parse HEAD)" \
#     --build-arg SOURCE_DATE_EPOCH="$(git log -1 --format=%ct)" .
ARG BUILDER=docker.io/library/rust:1.95-slim-bookworm
FROM --platform=$BUILDPLATFORM ${BUILDER} AS build
ARG TARGETARCH=amd64
ARG SOURCE_DATE_EPOCH=0
WORKDIR /build
COPY Cargo.toml Cargo.lock LICENSE ./
COPY scripts/image-root scripts/sbom scripts/
COPY src src
COPY spec spec
# The tests and benches that Cargo.toml names are not part of the image.
RUN sed -i '/^\[\[test\]\]/,/^$/d; /^\[\[bench\]\]/,/^$/d' Cargo.toml && scripts/image-root "$TARGETARCH" /image

FROM scratch
COPY --from=build /image /
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL io.airbyte.name="destination-postgres" \
      io.airbyte.version="${VERSION}" \
      org.opencontainers.image.title="destination-postgres" \
      org.opencontainers.image.description="Airbyte destination that loads records into PostgreSQL" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="MIT"
ENV PATH="/usr/local/bin:/bin" \
    AIRBYTE_ENTRYPOINT="/usr/local/bin/destination-postgres"
USER 1000:1000
WORKDIR /airbyte
ENTRYPOINT ["/usr/local/bin/destination-postgres"]
