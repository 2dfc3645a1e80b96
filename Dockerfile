# Two stages: the first builds the program, the second holds it and what the orchestrator needs: a shell and a user.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY src src
COPY spec spec
# The tests and benches that Cargo.toml names are not part of the image.
RUN sed -i '/^\[\[test\]\]/,/^$/d; /^\[\[bench\]\]/,/^$/d' Cargo.toml \
 && cargo build --release --locked --bin destination-postgres \
 && strip target/release/destination-postgres

FROM debian:bookworm-slim
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL io.airbyte.name="destination-postgres" \
      io.airbyte.version="${VERSION}" \
      org.opencontainers.image.title="destination-postgres" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="MIT"
RUN useradd --uid 1000 --create-home --home-dir /airbyte --shell /bin/sh airbyte
COPY --from=build /build/target/release/destination-postgres /usr/local/bin/destination-postgres
USER 1000
WORKDIR /airbyte
ENV AIRBYTE_ENTRYPOINT="/usr/local/bin/destination-postgres"
ENTRYPOINT ["/usr/local/bin/destination-postgres"]
