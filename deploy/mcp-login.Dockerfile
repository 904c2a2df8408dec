# syntax=docker/dockerfile:1
# mcp-login in an image with nothing else in it, for those who run the servers of their
# clients in containers; docs/containers.md says how. From the project's root:
#
#   docker build -f deploy/mcp-login.Dockerfile -t mcp-login:local .
#
# Releases have the same image, of their own programs (packaging/images/build).
FROM golang:1.26.9 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd/mcp-login cmd/mcp-login
COPY internal internal
COPY docs docs
ARG VERSION=
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /mcp-login ./cmd/mcp-login && mkdir /state

FROM scratch
# The certificates of servers and issuers are checked against these.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
# A new volume is given to whom the folder belongs to in the image.
COPY --from=build --chown=65532:65532 /state /state
COPY --from=build /mcp-login /mcp-login
COPY LICENSE THIRD_PARTY_NOTICES.txt /
USER 65532:65532
# There is no keyring and no browser here. A login runs inside: all processes of a
# container end with its first one, which is not always this one (docker run --init).
ENV MCP_LOGIN_CHANNEL=container MCP_LOGIN_DIR=/state MCP_LOGIN_STORE=passphrase MCP_LOGIN_NO_DETACH=1
ENTRYPOINT ["/mcp-login"]
