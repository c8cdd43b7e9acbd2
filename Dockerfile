# syntax=docker/dockerfile:1
# The image of Regent. No container engine runs where this project is built: nobody has seen this file work in one. A test
# holds what can be held without: that the paths, names, ports and commands in it are those of the project.
#
#   docker build --tag regent:0.1.0 .
#
# `npm install` and not `npm ci`: the lock file names the binaries of one platform only, and `npm ci` refuses the others.
# No package needs its install script: bcrypt brings its binaries along.

FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm install --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY migrations ./migrations
COPY src ./src
RUN npm run build

# Without .npmrc, which says include=dev. The last line proves that the tools stayed out.
FROM node:24-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm install --omit=dev --ignore-scripts \
  && test -e node_modules/express && test ! -e node_modules/typescript

FROM node:24-bookworm-slim
LABEL org.opencontainers.image.title="Regent" \
  org.opencontainers.image.description="A multi-tenant, region-aware OAuth 2.0 token service" \
  org.opencontainers.image.version="0.1.0" \
  org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production
WORKDIR /app
# Only for the embedded database, which is for trying out: everything else runs on a read-only file system.
RUN mkdir data && chown node:node data
COPY package.json LICENSE ./
# What `regent explain` reads.
COPY docs/errors.md docs/problems.md ./docs/
COPY --from=packages /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
USER node
# The service and, for the platform alone, the port of /livez and /readyz. Both listen on loopback until HOST and
# REGENT_OPS_HOST say otherwise; from outside the container 0.0.0.0 is needed.
EXPOSE 8080 9090
# Whether the process lives; whether it should get requests is for balancers to ask (/readyz). The image has no curl.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.REGENT_OPS_PORT || 9090}/livez`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/src/main.js"]
CMD ["serve"]
