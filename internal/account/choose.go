package account

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sort"
	"strings"
	"time"

	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/store"
)

// Find returns the account of server that a command is about, of those that are kept in
// st. said are the settings that it gives. Several that fit are a *SeveralError.
func Find(ctx context.Context, st *store.Store, kept []store.Entry, said Settings, server *url.URL, purpose Purpose) (Choice, error) {
	e, err := choose(kept, said, said.Key(server), purpose)
	if err != nil {
		return Choice{}, err
	}
	return Load(ctx, st, server, said, e), nil
}

// choose returns the login that a command is about. key is the account that said makes:
// an Entry with that Key alone means that nothing is kept yet.
//
// The login under key itself is always meant: no words could name it otherwise. So is
// a login of an earlier version that knew no --issuer, if it is of the issuer that is
// named now: it stays where those versions find it.
func choose(kept []store.Entry, said Settings, key oauth.Key, purpose Purpose) (store.Entry, error) {
	own, fits, others := store.Entry{Key: key}, []store.Entry{}, []store.Entry{}
	for _, e := range kept {
		switch {
		case e.ID == key.ID():
			own, own.Key = e, key // the index may be lost, and the login damaged
		case e.Key.Server != key.Server || !isLogin(e) || !said.Allows(e):
		case e.Key.Grant == oauth.GrantEnterprise && key.Grant != oauth.GrantEnterprise: // no login to a server
		case e.Key.Profile == said.Profile:
			fits = append(fits, e)
		case said.Profile == "":
			others = append(others, e)
		}
	}
	if anyProfile := purpose == ForInspect || purpose == ForCall; len(fits) == 0 && (anyProfile || purpose == ForRelay && len(others) > 1) {
		fits = others
	}
	switch {
	case isLogin(own) || own.Problem != "" || len(fits) == 0:
		return own, nil
	case len(fits) == 1:
		return fits[0], nil
	}
	// Not slices.SortFunc, which the compiler makes anew for this large type: 20 KB.
	sort.Slice(fits, func(i, j int) bool { return Command("", fits[i]) < Command("", fits[j]) })
	return store.Entry{Key: key}, &SeveralError{Server: key.Server, Kept: fits}
}

// isLogin reports whether a sign-in has made the account, even if that login has ended,
// or is under way to make it.
func isLogin(e store.Entry) bool { return e.HasToken || e.Established || e.UnderWay }

// Allows reports whether the account of e has all that s says, where s says anything.
func (s Settings) Allows(e store.Entry) bool {
	k := e.Key
	return (s.ClientID == "" || s.ClientID == k.ClientID) &&
		(s.Resource == "" || s.Resource == k.Resource) &&
		(s.Grant == "" || s.Grant == k.Grant) &&
		(s.Enterprise == "" || s.Enterprise == k.Enterprise) &&
		(s.EnterpriseClientID == "" || s.EnterpriseClientID == k.EnterpriseClientID) &&
		(s.Scopes == nil || sameSet(s.Scopes, k.Scopes) || s.noScope() && k.Scopes == nil && len(e.Requested) == 0) &&
		(len(s.Params) == 0 || sameSet(s.Params, k.Params)) &&
		(s.Named == "" || s.Named == k.Issuer || discovery.Provider{Issuer: e.Issuer, FoundAt: e.FoundAt}.HasName(s.Named))
}

// noScope reports whether no scope is to be asked for. Earlier versions had no account
// of its own for that.
func (s Settings) noScope() bool { return slices.Equal(s.Scopes, oauth.NoScopes()) }

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// Accepted is the name that was accepted for the metadata of the issuer of e, "" where
// it is its own.
func Accepted(e store.Entry) string {
	if e.FoundAt == "" {
		return ""
	}
	return e.Issuer
}

// Flags are the words that set the account of e apart from others of its server.
func Flags(e store.Entry) []string { return oauth.AccountFlags(e.Key, e.Named, Accepted(e)) }

// Command is what a person runs to do verb with the account of e, "" for a bridge.
func Command(verb string, e store.Entry) string {
	return oauth.Command(verb, e.Key, e.Named, Accepted(e))
}

// SeveralError says that a command fits several accounts. It holds what a person can
// choose from.
type SeveralError struct {
	// Server is the server they are of.
	Server string
	// Verb is the command, "" for a bridge, and Said further words of it.
	Verb string
	Said []string
	// Kept are the logins that fit, in the order of the lines.
	Kept []store.Entry
	// Through is the account of the server that one of them, at a company's provider, is to
	// vouch for; nil: the command is about one of them.
	Through *Choice
}

// maxShown bounds the accounts that are listed, so that no line is cut off.
const maxShown = 10

// Error counts the accounts and names them, as far as they have names.
func (e *SeveralError) Error() string {
	var names []string
	for _, one := range e.Kept {
		if name := strings.TrimSpace(cmp.Or(one.Account, "-") + profileIn(one.Key)); !slices.Contains(names, name) && len(names) < maxShown {
			names = append(names, name)
		}
	}
	return fmt.Sprintf("%d accounts are signed in to %s (%s), and the command line does not say which one is meant", len(e.Kept), e.Server, strings.Join(names, ", "))
}

func profileIn(key oauth.Key) string {
	if key.Profile == "" {
		return ""
	}
	return " [" + key.Profile + "]"
}

// UserHint says what to do with the lines of Commands.
func (e *SeveralError) UserHint() string {
	next := "run one of: "
	if e.Verb == "" {
		next = "put one of these into the client's configuration: "
	}
	lines := e.Commands()
	if more := len(e.Kept) - len(lines); more > 0 {
		lines = append(lines, fmt.Sprintf("or one of %d more that mcp-login status %s lists", more, hint.Quote(e.Server)))
	}
	return next + strings.Join(lines, "; ")
}

// Commands are the lines that name each account, the first ten of them.
func (e *SeveralError) Commands() (lines []string) {
	for _, one := range e.Kept[:min(len(e.Kept), maxShown)] {
		lines = append(lines, e.Command(one))
	}
	return lines
}

// Command is the line that names the account of one.
func (e *SeveralError) Command(one store.Entry) string {
	if t := e.Through; t != nil {
		key := t.Key
		key.EnterpriseClientID = one.Key.ClientID
		return oauth.Command(e.Verb, key, t.Settings.Named, t.Settings.Accepted, e.Said...)
	}
	return oauth.Command(e.Verb, one.Key, one.Named, Accepted(one), e.Said...)
}

// OAuthCode makes it an error about the sign-in for whoever tells those apart. It is
// none of the codes of RFC 6749.
func (e *SeveralError) OAuthCode() string { return "" }

// Purpose says what an account is opened for. It decides who may be asked to sign in,
// and which of the kept accounts a command means that names no profile.
type Purpose int

const (
	// ForInspect is for what only looks at a kept login or ends it. Nobody is asked to
	// sign in; a profile that is not named is any.
	ForInspect Purpose = iota
	// ForLogin is for a person at a terminal who wants to sign in. What is not kept yet
	// is a new account.
	ForLogin
	// ForCall is for a command that talks to the server itself and signs in on the way
	// if the server asks. A profile that is not named is any.
	ForCall
	// ForRelay is for an MCP client behind the bridge. Nothing is chosen between several
	// accounts with other profiles: a person has to say whether one of them is meant.
	ForRelay
)

// Choice is the account that a command is about.
type Choice struct {
	Server *url.URL
	// Key is where its login is kept.
	Key oauth.Key
	// Kept tells that the account is not new.
	Kept bool
	// Settings are what was said, with what is kept where nothing is said.
	Settings Settings
}

// loadTimeout bounds the look at a kept login.
const loadTimeout = 5 * time.Second

// Load returns the account of e, an entry of the store or one without an ID, which is
// new. A login that cannot be read is no error here: its use is.
func Load(ctx context.Context, st *store.Store, server *url.URL, said Settings, e store.Entry) Choice {
	c := Choice{Server: server, Key: e.Key, Settings: said}
	if e.ID == "" {
		return c
	}
	c.Kept, c.Settings = true, said.For(e.Key)
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	cred, err := st.Load(ctx, e.Key)
	if err == nil {
		c.Settings = c.Settings.With(cred)
	}
	if broken := errors.Is(err, store.ErrDamaged) || errors.Is(err, store.ErrKeyLost); broken && e.Key.Issuer != "" && said.Named == "" {
		// Only the index says that this provider was named, and anybody may have written it.
		return Choice{Server: server, Key: said.Key(server), Settings: said}
	}
	return c
}
