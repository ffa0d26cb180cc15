# Pilothouse in one image: server, gateway and replicas. PostgreSQL is another container's (docker-compose.yml), or any other's.
#   docker build -t pilothouse .
# BASE is any Linux with glibc that has Node 20.19 or newer, npm included, on its PATH.
ARG BASE=node:24-bookworm-slim

FROM ${BASE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY clients/typescript/package.json clients/typescript/
# Exactly what the lock file says.
RUN npm ci --no-audit --no-fund --loglevel=error
COPY . .
# ONNX Runtime brings its libraries for other systems along: 220 MB that no container loads.
RUN npm run build \
 && npm prune --omit=dev --no-audit --no-fund --loglevel=error \
 && rm -rf node_modules/@pilothouse node_modules/onnxruntime-node/bin/napi-v*/darwin node_modules/onnxruntime-node/bin/napi-v*/win32

FROM ${BASE}
ENV NODE_ENV=production \
    PILOTHOUSE_HOME=/var/lib/pilothouse \
    PILOTHOUSE_HOST=0.0.0.0 \
    PILOTHOUSE_GATEWAY_AUTH=required
WORKDIR /app
COPY --from=build /app/package.json /app/package-lock.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY --from=build /app/server server
COPY --from=build /app/migrations migrations
# Hosts Python models where the container has a Python.
COPY --from=build /app/runtimes/python/host runtimes/python/host
COPY LICENSE ./
# State belongs to a user that may write nothing else. A number and no name: whatever the base's /etc/passwd holds, and no root for Kubernetes to find.
RUN mkdir -p /var/lib/pilothouse && chown 10001:10001 /var/lib/pilothouse && chmod 0700 /var/lib/pilothouse
USER 10001:10001
VOLUME /var/lib/pilothouse
EXPOSE 4000 8000 8001
# SIGTERM drains; what takes longer than the grace of the container's engine is cut off by it.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PILOTHOUSE_PORT || 4000}/readyz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# No npm and no shell between the engine's signals and the server.
CMD ["node", "dist/bundle/server/main.js"]
