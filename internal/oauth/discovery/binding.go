package discovery

import (
	"errors"
	"slices"

	"mcp-login/internal/dpop"
	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
)

// Binding says whether the tokens for a resource are to be bound to a key of the client
// (RFC 9449).
type Binding int

// The bindings. That the authorization server could bind tokens is no reason to ask for
// it: other resources behind it may take bearer tokens alone.
const (
	Unbound   Binding = iota
	Bindable          // the resource takes bound ones, perhaps others as well
	BoundOnly         // it takes no others
)

// bindingOf returns what the resource asks for, by its challenge or its metadata, and the
// authorization server can do. bound says that the account has been bound before, from
// which there is no way back.
func bindingOf(challenge Challenge, resource *ResourceMetadata, server *ServerMetadata, bound bool) (Binding, error) {
	only := challenge.DPoPOnly || resource.DPoPOnly
	asked := asksToBind(challenge, resource)
	taken := (challenge.DPoP || !challenge.DPoPOnly) && (len(resource.DPoPAlgorithms) == 0 || slices.Contains(resource.DPoPAlgorithms, dpop.Algorithm))
	const takes = dpop.Algorithm + ", and to publish it in dpop_signing_alg_values_supported"
	switch {
	case only && !taken:
		return Unbound, &hint.Error{
			Op: "check what the MCP server asks for", Err: errors.New("it takes only tokens that are bound to a key (DPoP), and no proofs by " + dpop.Algorithm),
			Hint: "ask its operator to take " + takes,
		}
	case !only && !bound && (!asked || !taken || !server.binds()):
		return Unbound, nil
	case server.binds() && (only || bound):
		return BoundOnly, nil
	case server.binds():
		return Bindable, nil
	}
	cause, others := "the MCP server takes only tokens that are bound to a key (DPoP)", ""
	if !only {
		cause, others = "this login is bound to a key (DPoP)", ", or sign out, which forgets the login with its key"
	}
	return Unbound, &hint.Error{
		Op: "check " + foreign.ShortAddress(server.Issuer), Err: errors.New(cause + ", and the authorization server lists no proofs by " + dpop.Algorithm),
		Hint: "ask its operator to support DPoP with " + takes + others,
	}
}

// asksToBind reports whether the resource asks for bound tokens, perhaps beside others.
func asksToBind(challenge Challenge, resource *ResourceMetadata) bool {
	return challenge.DPoP || challenge.DPoPOnly || resource.DPoPOnly || len(resource.DPoPAlgorithms) > 0
}

// binds reports whether the server binds tokens to keys that this client can have.
func (m *ServerMetadata) binds() bool { return slices.Contains(m.DPoPAlgorithms, dpop.Algorithm) }
