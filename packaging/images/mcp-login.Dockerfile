# mcp-login for those who run their clients' servers in containers; docs/containers.md
# says how. packaging/images/build makes it of the programs of a release.
FROM scratch
ARG TARGETARCH
COPY LICENSE THIRD_PARTY_NOTICES.txt /
COPY ca-certificates.crt /etc/ssl/certs/
# A new volume is given to whom the folder belongs to in the image.
COPY --chown=65532:65532 state /state
COPY $TARGETARCH/mcp-login /
USER 65532:65532
# There is no keyring and no browser here. A login runs inside: all processes of a
# container end with its first one, which is not always this one (docker run --init).
ENV MCP_LOGIN_CHANNEL=container MCP_LOGIN_DIR=/state MCP_LOGIN_STORE=passphrase MCP_LOGIN_NO_DETACH=1
ENTRYPOINT ["/mcp-login"]
