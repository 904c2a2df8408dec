package jsonrpc

// Codes of JSON-RPC 2.0 (section 5.1).
const (
	CodeParseError     = -32700
	CodeInvalidRequest = -32600
	// CodeMethodNotFound answers a request for a method that nobody knows.
	CodeMethodNotFound = -32601
	CodeInvalidParams  = -32602
)

// Codes of the errors that mcp-login itself answers with. They are positive:
// the negative ones near -32000 belong to the protocol and to servers, and an
// error of ours must not be taken for one of theirs.
const (
	// CodeUnreachable: the server cannot be reached.
	CodeUnreachable = 1001
	// CodeSignIn: the login failed, was refused or is not possible.
	CodeSignIn = 1002
	// CodeRefused: the server answered with an HTTP error.
	CodeRefused = 1003
	// CodeNotMCP: what answered is no MCP server.
	CodeNotMCP = 1004
	// CodeInterrupted: the answer broke off; the request may have been done.
	CodeInterrupted = 1005
	// CodeTooLarge: a message passed the configured limit.
	CodeTooLarge = 1006
	// CodeClosing: the bridge ends.
	CodeClosing = 1007
	// CodeHidden: a filter of the user's hides the tool.
	CodeHidden = 1008
	// CodeBusy: too many requests are under way and wait.
	CodeBusy = 1009
	// CodeFailed: anything else.
	CodeFailed = 1000
)
