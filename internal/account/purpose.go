package account

// Purpose says what an account is opened for. It decides who may be asked to sign in,
// and which of the kept accounts a command means that names no profile.
type Purpose int

const (
	// Inspect is for what only looks at a kept login or ends it. Nobody is asked to
	// sign in; a profile that is not named is any.
	Inspect Purpose = iota
	// Login is for a person at a terminal who wants to sign in. What is not kept yet
	// is a new account.
	Login
	// Call is for a command that talks to the server itself and signs in on the way
	// if the server asks. A profile that is not named is any.
	Call
	// Relay is for an MCP client behind the bridge. Nothing is chosen between several
	// accounts with other profiles: a person has to say whether one of them is meant.
	Relay
)
