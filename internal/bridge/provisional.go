package bridge

import (
	"slices"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/jsonrpc"
)

// A client gives a server 20 to 60 seconds to answer initialize and kills it
// then; a person with a password, a second factor and a consent page needs
// longer. So when a login has taken Config.Patience, initialize is answered
// here, with what the server said the last time, or with a stand-in. Until the
// real session stands the client sees one tool that says where to sign in;
// then its lists are declared changed and the bridge is transparent.
//
// This is the one place where the bridge speaks for the server.

// SignInTool is the name of the tool that is shown while a login is pending.
const SignInTool = "mcp_login_sign_in"

// SignIn is a login that waits for its person.
type SignIn struct {
	// URL is where the person signs in, and UserCode what is to be typed
	// there, "" for nothing.
	URL, UserCode string
	// Issuer is the authorization server that asks, "" when unknown.
	Issuer string
	// Since is when that began, in this process or another one; zero when unknown.
	Since time.Time
}

// Results keeps what servers answered to initialize, by the protocol version
// asked for.
type Results interface {
	// Recall returns the last result, nil when none is known.
	Recall(version string) []byte
	// Remember keeps a result.
	Remember(version string, result []byte)
}

// phase is how far the session has come.
type phase int

const (
	unanswered phase = iota // initialize is under way, or was not sent yet
	standing                // answered here; the login is under way
	failed                  // answered here; the login came to nothing
	real                    // the server has answered
)

// standIn answers for the server while a person signs in. It is a part of the state:
// its methods are called in update.
type standIn struct {
	cfg *Config

	since       time.Time // when the client began to wait
	phase       phase
	given       bool // the client got an answer of ours in this run
	request     jsonrpc.Message
	reply       func([]byte)
	version     string           // asked for
	told        string           // the version in our answer
	initialized *jsonrpc.Message // the client's notification, kept for the real session
	reason      string           // why the login came to nothing
	answer      jsonrpc.Message  // the server's
}

// begin takes an initialize request, and where its answer goes; false says that
// another one is under way, or was answered here and stands for the session.
func (s *standIn) begin(m jsonrpc.Message, reply func([]byte)) bool {
	if s.phase == standing || s.phase == unanswered && s.request.Raw != nil {
		return false
	}
	s.phase, s.request, s.reply = unanswered, m, reply
	s.version, _ = jsonrpc.Text(m.Param("protocolVersion"))
	return true
}

// arrived takes the one answer of the server, or of the bridge when it could
// not be asked; nil when the client has cancelled.
func (r *run) arrived(answer []byte) {
	m, err := jsonrpc.Parse(slices.Clone(answer))
	result := jsonrpc.Member(m.Raw, "result")
	ok := err == nil && result != nil
	var version string
	var reply func([]byte)
	r.update(func(s *state) { version, reply = s.standIn.version, s.standIn.arrived(m, ok) })
	if ok && r.cfg.Results != nil {
		r.cfg.Results.Remember(version, result)
	}
	if reply != nil {
		reply(answer)
	}
}

// arrived takes the answer to initialize, which is ok or an error, and returns where
// it goes, nil when the client has one of ours.
func (s *standIn) arrived(m jsonrpc.Message, ok bool) (reply func([]byte)) {
	switch {
	case s.phase == unanswered:
		s.phase = real
		return s.reply
	case ok:
		s.answer = m // settled shows it to the client, when the session stands
	default:
		s.phase = failed
		reason, _ := jsonrpc.Text(jsonrpc.Member(m.Raw, "error", "message"))
		s.reason = foreign.Message(reason)
	}
	return nil
}

// answerOverdue answers initialize here if a person is still awaited.
func (r *run) answerOverdue(signIn SignIn) {
	var version string
	r.update(func(s *state) { version = s.standIn.version })
	result := r.provisional(version, signIn)
	var reply func([]byte)
	var id []byte
	r.update(func(s *state) {
		if s.standIn.phase == unanswered {
			s.standIn.phase, s.standIn.given = standing, true
			s.standIn.told, _ = jsonrpc.Text(jsonrpc.Member(result, "protocolVersion"))
			reply, id = s.standIn.reply, s.standIn.request.ID
		}
	})
	if reply != nil {
		reply(jsonrpc.Result(id, string(result)))
	}
}

// provisional is the result for an initialize that asks for version.
func (r *run) provisional(version string, signIn SignIn) []byte {
	var known []byte
	if r.cfg.Results != nil {
		known = r.cfg.Results.Recall(version)
	}
	return provisionalResult(version, known, signIn)
}

// speaks reports whether messages of the client are answered here.
func (s *standIn) speaks() bool {
	return s.phase == standing || s.phase == failed
}

// keep takes a notification of the client that has no session to go to.
// notifications/initialized is sent on later; nothing else means anything to a
// server that knows of no session.
func (s *standIn) keep(m jsonrpc.Message) {
	if m.Method == "notifications/initialized" {
		s.initialized = &m
	}
}

// response answers a request of the client while speaks is true. again says
// that another login is wanted. Whoever called the tool need not be a person: the
// login is begun like any other, and whether somebody is asked is decided there.
func (s *standIn) response(m jsonrpc.Message) (answer []byte, again bool) {
	text := s.sentence()
	switch m.Method {
	case "ping":
		return jsonrpc.Result(m.ID, "{}"), false
	case "tools/list":
		return jsonrpc.Result(m.ID, `{"tools":[`+signInTool(text)+`]}`), false
	case "prompts/list":
		return jsonrpc.Result(m.ID, `{"prompts":[]}`), false
	case "resources/list":
		return jsonrpc.Result(m.ID, `{"resources":[]}`), false
	case "resources/templates/list":
		return jsonrpc.Result(m.ID, `{"resourceTemplates":[]}`), false
	case "tools/call":
		if callsSignIn(m) {
			return toolText(m.ID, text), s.phase == failed
		}
	}
	return jsonrpc.ErrorResponse(m.ID, jsonrpc.CodeSignIn, text, jsonrpc.ErrorData{Source: jsonrpc.Source, Hint: "sign in, then try again; if the server's tools do not appear, start a new session"}), false
}

// sentence says what is to be done.
func (s *standIn) sentence() string {
	if s.phase == failed {
		return "Signing in to this server did not work: " + s.reason + ". Call " + SignInTool + " when a person has signed in, or to try again. " + afterwards
	}
	signIn, ok := s.cfg.signIn()
	if !ok || signIn.URL == "" {
		return "Signing in to this server is under way. " + afterwards
	}
	// The first address is the one to open: hosts make a link of it.
	text := "This server needs a sign-in. Open " + signIn.URL + " in a browser"
	if signIn.UserCode != "" {
		text += " and enter the code " + signIn.UserCode
	}
	if signIn.Issuer != "" {
		text += " to sign in at " + signIn.Issuer
	}
	return text + ". " + afterwards
}

// afterwards is what is true of all clients: some list the tools once in a session,
// and not again when they hear that the list has changed.
const afterwards = "The server's tools take the place of this one afterwards; if they do not appear, start a new session."

// late answers a call of our tool by a client that has not listed the tools
// again since the login; nil is for any other.
func (s *standIn) late(m jsonrpc.Message) (answer []byte) {
	if !s.given || s.phase != real || !callsSignIn(m) {
		return nil
	}
	return toolText(m.ID, "Signed in. The server's tools are there: list the tools again, or start a new session if they do not appear.")
}

// stand reports whether there is a real session to take the place of ours, and
// hands over the notification that the client owes it, nil if it has not come
// yet.
func (s *standIn) stand() (initialized *jsonrpc.Message, ok bool) {
	if s.phase != standing || s.answer.Raw == nil {
		return nil, false
	}
	initialized, s.initialized = s.initialized, nil
	return initialized, true
}

// transparent ends the time of the stand-in. It returns the versions that the
// client was told and that the server speaks, and the client's notification if
// it came since stand.
func (s *standIn) transparent() (told, spoken string, initialized *jsonrpc.Message) {
	s.phase = real
	spoken, _ = jsonrpc.Text(jsonrpc.Member(s.answer.Raw, "result", "protocolVersion"))
	return s.told, spoken, s.initialized
}

// initialize sends the client's initialize, or sends it again after a login
// that came to nothing, and watches over it.
func (r *run) initialize(m jsonrpc.Message, reply func([]byte)) {
	var begun, stands bool
	patience := r.patience(m)
	if patience > 0 {
		r.update(func(s *state) { begun, stands = s.standIn.begin(m, reply), s.standIn.phase == standing })
	}
	switch {
	case stands: // the same session, for a client that begins again
		version, _ := jsonrpc.Text(m.Param("protocolVersion"))
		signIn, _ := r.cfg.signIn()
		r.say(reply, jsonrpc.Result(m.ID, string(r.provisional(version, signIn))))
		return
	case !begun:
		r.request(m, reply, true)
		return
	}
	done := r.request(m, r.arrived, true).done
	r.background(func() {
		if signIn, ok := r.overdue(done, patience); ok {
			r.answerOverdue(signIn)
			<-done
		}
		r.settleSession()
	})
}

// probe sends the server/discover of a client that can do with or without
// sessions. While a person signs in there is nothing true to answer; so when
// patience is over the client hears that the method is not known here, begins a
// session, and has the stand-in.
func (r *run) probe(m jsonrpc.Message, reply func([]byte)) {
	one := r.request(m, reply, true)
	patience := r.patience(m)
	if patience == 0 {
		return
	}
	r.background(func() {
		if _, ok := r.overdue(one.done, patience); !ok {
			return
		}
		if one.settle(func() []byte {
			return refusal(m.ID, jsonrpc.CodeMethodNotFound, "not known while a person signs in; begin with initialize")
		}) {
			r.abandon(one)
		}
	})
}

// again repeats initialize for a client that has had its answer.
func (r *run) again() {
	var m jsonrpc.Message
	r.update(func(s *state) {
		s.standIn.phase, s.standIn.answer = standing, jsonrpc.Message{}
		m = s.standIn.request
	})
	done := r.request(m, r.arrived, true).done
	r.background(func() {
		<-done
		r.settleSession()
	})
}

// overdue waits until done or until a person is awaited and patience is over;
// ok tells the latter. Patience begins with the first request of the client that
// cannot be answered, or with the login if that is older: a host may have waited for
// it before, with another process.
func (r *run) overdue(done <-chan struct{}, patience time.Duration) (signIn SignIn, ok bool) {
	var since time.Time
	r.update(func(s *state) { since = s.standIn.begun() })
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	for {
		select {
		case <-done:
			return SignIn{}, false
		case <-look.C:
		}
		signIn, ok := r.cfg.signIn()
		if older := signIn.Since; !older.IsZero() && older.Before(since) {
			since = older
		}
		if ok && time.Since(since) >= patience {
			return signIn, true
		}
	}
}

// begun is when the client began to wait.
func (s *standIn) begun() time.Time {
	if s.since.IsZero() {
		s.since = time.Now()
	}
	return s.since
}

// settleSession lets the real session take over, if there is one and if it has
// a stand-in: the server hears what the client has said meanwhile, and the
// client that the lists have changed.
func (r *run) settleSession() {
	var initialized, late *jsonrpc.Message
	var told, spoken string
	var ok bool
	if r.update(func(s *state) { initialized, ok = s.standIn.stand() }); !ok {
		return
	}
	if initialized != nil {
		r.forward(r.ctx, *initialized)
	}
	r.update(func(s *state) { told, spoken, late = s.standIn.transparent() })
	if late != nil {
		r.forward(r.ctx, *late)
	}
	if told != spoken {
		r.cfg.Log.Warn("the server speaks another protocol version than the client was told during the sign-in", "told", told, "server", spoken)
	}
	for _, list := range []string{"tools", "prompts", "resources"} {
		r.out.line([]byte(`{"jsonrpc":"2.0","method":"notifications/` + list + `/list_changed"}`))
	}
}

// signIn is Config.SignIn, which may be nil.
func (c *Config) signIn() (SignIn, bool) {
	if c.SignIn == nil {
		return SignIn{}, false
	}
	s, ok := c.SignIn()
	s.URL, s.UserCode = foreign.Address(s.URL), foreign.Line(s.UserCode)
	return s, ok
}

func callsSignIn(m jsonrpc.Message) bool {
	name, _ := jsonrpc.Text(m.Param("name"))
	return m.Method == "tools/call" && name == SignInTool
}

func signInTool(text string) string {
	return `{"name":"` + SignInTool + `","title":"Sign in","description":` + string(quote(text)) + `,"inputSchema":{"type":"object"}}`
}

func toolText(id []byte, text string) []byte {
	return jsonrpc.Result(id, `{"content":[{"type":"text","text":`+string(quote(text))+`}]}`)
}
