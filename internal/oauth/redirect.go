package oauth

import (
	"context"
	"net/url"
	"time"
)

// Prompt is what a person needs to sign in.
type Prompt struct {
	// Issuer is the authorization server that asks, and FoundAt its
	// ServerMetadata.FoundAt; "" also where another process asks.
	Issuer, FoundAt string
	// URL is the address to open, and Within how long the provider knows it, of a request
	// that was pushed there (RFC 9126); 0 is for ever, or not known.
	URL    string
	Within time.Duration
	// Local is an address of the loopback listener that redirects once to URL
	// (with a device code: to CompleteURL). A browser on this machine is started
	// with it, because other users can read a process's arguments. Mark is the
	// Cookie header of the browser that opened it. Both may be "".
	Local, Mark string
	// UserCode is what to enter there, of a device authorization (RFC 8628,
	// section 3.2), and CompleteURL an address that holds it already; "" where
	// there is none.
	UserCode, CompleteURL string
	// RedirectURI is where the answer is awaited, "" with a device
	// authorization.
	RedirectURI string
	// PasteFrom is the redirect URI where that is another address: the browser ends
	// there, and the person pastes the address it ended at.
	PasteFrom string
	// Resumed says that the open tab is redirected to this address: no other is
	// to be opened.
	Resumed bool
	// Began is when the login began, and Deadline when it is given up.
	Began, Deadline time.Time
}

// Redirect receives the answer to an authorization request. The loopback
// listener is the usual one; it is bound when the Redirect is made, so that
// the port is ours before a browser learns it.
type Redirect interface {
	// URI returns the redirect URI, port included.
	URI() string
	// Here returns where Receive takes the answer: URI, unless the browser ends at
	// an address that is not on this machine.
	Here() string
	// Receive waits for the one answer that carries state; everything else
	// that arrives is refused and changes nothing. It calls begin when it is
	// ready for the answer: only then may anybody learn the address that leads
	// to it, since a provider that knows the person answers at once. finish
	// must be called once with the outcome of the whole login: the person's
	// browser tab is still waiting for it. account names who signed in, ""
	// when unknown. An error with a method ResumeAt() string sends the tab
	// to that address, where the login goes on.
	Receive(ctx context.Context, state string, begin func()) (answer url.Values, finish func(account string, err error), err error)
	// Local makes an address of this machine that leads to address once, and
	// returns it with the mark by which Receive then knows the browser, as a
	// Cookie header has it. It is called before each Receive. From the time it is
	// opened, only the marked browser may answer, and another one that opens
	// it ends Receive with an error. visit, if it is not nil, says at each visit where
	// the browser is sent in the place of address; its error ends Receive.
	Local(address string, visit func(ctx context.Context) (string, error)) (here, mark string)
	// Close releases the address; answers under way are still delivered.
	Close() error
}
