# Two stages: the first has the compiler, the second only what serves. Node 26 is the LTS line of this release.
ARG NODE_IMAGE=node:26-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src src
# The embedded PostgreSQL's library links are made here, because the image runs on a read-only file system.
# pkcs11js (for a hardware module) takes a C++ compiler: it is in the image built with NODE_IMAGE=node:26-bookworm, and left out here.
RUN npm run build && npm prune --omit=dev --ignore-scripts \
  && (npm rebuild pkcs11js || rm -rf node_modules/pkcs11js) && npm rebuild --foreground-scripts

FROM ${NODE_IMAGE}
ENV NODE_ENV=production AMANAT_HOST=0.0.0.0 AMANAT_DATA_DIR=/data
WORKDIR /app
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
COPY package.json openapi.yaml LICENSE ./
COPY sql sql
COPY policies policies
COPY docs docs
RUN install -d -o node -g node -m 0700 /data
USER node
# Everything that is written goes to /data (and /tmp): run with --read-only --tmpfs /tmp.
VOLUME /data
EXPOSE 8787
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
  CMD ["node", "-e", "fetch(`http${process.env.AMANAT_TLS_CERT ? 's' : ''}://127.0.0.1:${process.env.AMANAT_PORT || 8787}/readyz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# As `npm start` does (package.json).
CMD ["node", "--max-semi-space-size=32", "dist/main.js"]
