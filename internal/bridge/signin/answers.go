package signin

import "mcp-login/internal/jsonrpc"

// Tool is the name of the tool that is shown while a login is pending.
const Tool = "mcp_login_sign_in"

// Keep takes a notification while the stage answers the client.
// notifications/initialized is sent on later; what else is said means nothing to a
// server that knows of no session.
func (s *Stage) Keep(m jsonrpc.Message) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase == passing {
		return false
	}
	if m.Method == "notifications/initialized" {
		s.initialized = &m
	}
	return true
}

// answer answers a request in the place of the server; nil leaves it to the server.
// Whoever called the tool need not be a person: the login is begun like any
// other, and whether somebody is asked is decided there.
func (s *Stage) answer(m jsonrpc.Message) []byte {
	s.mu.Lock()
	now, answered, reason, request := s.phase, s.answered, s.reason, s.request
	switch {
	case now == passing:
		s.mu.Unlock()
		if answered && callsTool(m) { // the client has not listed the tools again since
			return toolText(m.ID, "Signed in. The server's tools are there: list the tools again, or start a new session if they do not appear.")
		}
		return nil
	case now == failed && callsTool(m):
		s.phase = standing
		s.mu.Unlock()
		s.again(request)
	default:
		s.mu.Unlock()
	}
	return s.response(m, now, reason)
}

// response answers a request of the client in the place of the server.
func (s *Stage) response(m jsonrpc.Message, now phase, reason string) []byte {
	text := s.sentence(now, reason)
	switch m.Method {
	case "ping":
		return jsonrpc.Result(m.ID, "{}")
	case "tools/list":
		return jsonrpc.Result(m.ID, `{"tools":[`+toolEntry(text)+`]}`)
	case "prompts/list":
		return jsonrpc.Result(m.ID, `{"prompts":[]}`)
	case "resources/list":
		return jsonrpc.Result(m.ID, `{"resources":[]}`)
	case "resources/templates/list":
		return jsonrpc.Result(m.ID, `{"resourceTemplates":[]}`)
	case "tools/call":
		if callsTool(m) {
			return toolText(m.ID, text)
		}
	}
	return jsonrpc.Refusal(m.ID, jsonrpc.CodeSignIn, text, "sign in, then try again; if the server's tools do not appear, start a new session")
}

// sentence says what is to be done.
func (s *Stage) sentence(now phase, reason string) string {
	if now == failed {
		return "Signing in to this server did not work: " + reason + ". Call " + Tool + " when a person has signed in, or to try again. " + afterwards
	}
	login, ok := s.pending()
	if !ok || login.URL == "" {
		return "Signing in to this server is under way. " + afterwards
	}
	// The first address is the one to open: hosts make a link of it.
	text := "This server needs a sign-in. Open " + login.URL + " in a browser"
	if login.UserCode != "" {
		text += " and enter the code " + login.UserCode
	}
	if login.Issuer != "" {
		text += " to sign in at " + login.Issuer
	}
	return text + ". " + afterwards
}

// afterwards is what is true of all clients: some list the tools once in a session,
// and not again when they hear that the list has changed.
const afterwards = "The server's tools take the place of this one afterwards; if they do not appear, start a new session."

func callsTool(m jsonrpc.Message) bool {
	name, _ := jsonrpc.Text(m.Param("name"))
	return m.Method == "tools/call" && name == Tool
}

func toolEntry(text string) string {
	return `{"name":"` + Tool + `","title":"Sign in","description":` + string(quote(text)) + `,"inputSchema":{"type":"object"}}`
}

func toolText(id []byte, text string) []byte {
	return jsonrpc.Result(id, `{"content":[{"type":"text","text":`+string(quote(text))+`}]}`)
}
