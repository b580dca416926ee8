# syntax=docker/dockerfile:1
# Build: docker build -t provisioner .   Run: docker run --rm provisioner --help
#
# The images are pinned by their version and not by a digest: a digest is fixed to one build of the base system, and nothing here
# renews it, so security updates of that system would never arrive. To pin: docker buildx imagetools inspect node:24-slim, then
# node:24-slim@sha256:… in all three lines, and a bot that renews it.

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/bundle.mjs scripts/
COPY src src
RUN npm run build

# Optional packages are the embedded Postgres and native speed-ups: a container has a database beside it, and needs neither.
FROM node:24-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json ./
USER node
EXPOSE 8080
# Node gets its signals itself: SIGTERM drains.
ENTRYPOINT ["node", "--enable-source-maps", "dist/cli/main.js"]
CMD ["--help"]
