package protover

import (
	"strconv"
	"time"

	"mcp-login/internal/jsonrpc"
)

// Lifetime is how long a kept Support may be trusted.
const Lifetime = 24 * time.Hour

// Members of _meta in 2026-07-28.
const (
	metaPrefix       = "io.modelcontextprotocol/"
	metaLogLevel     = metaPrefix + "logLevel"
	metaServer       = metaPrefix + "serverInfo"
	metaSubscription = metaPrefix + "subscriptionId"
)

// Codes of errors that both sides know.
const (
	codeHeaderMismatch     = -32020
	codeMissingCapability  = -32021
	codeUnsupportedVersion = -32022
	// codeOldNotFound and codeOldURLNeeded are of 2025-11-25 and earlier.
	codeOldNotFound  = -32002
	codeOldURLNeeded = -32042
)

// errorCode returns the code of a raw error object, 0 where it has none or no integer.
func errorCode(raw []byte) int {
	code, _ := strconv.Atoi(jsonrpc.Key(jsonrpc.Member(raw, "code")))
	return code
}

// fromStatelessServer reports whether an error can only come from a server of
// 2026-07-28.
func fromStatelessServer(rawError []byte) bool {
	switch errorCode(rawError) {
	case codeHeaderMismatch, codeMissingCapability, codeUnsupportedVersion:
		return true
	}
	return false
}

// texts reads a raw list of strings.
func texts(raw []byte) []string {
	var list []string
	for element := range jsonrpc.Elements(raw) {
		if v, ok := jsonrpc.Text(element); ok {
			list = append(list, v)
		}
	}
	return list
}
