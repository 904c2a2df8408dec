package discovery

import (
	"errors"
	"fmt"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/neterror"
)

// ErrUnavailable means that the provider could not be asked, or not now; nothing
// stored is lost and a later try may succeed.
var ErrUnavailable = errors.New("provider unavailable")

// Unavailable is the error for a request that brought no answer, with what stands in
// the way where that is known. It wraps [ErrUnavailable] and err.
func Unavailable(op string, err error) error {
	err = neterror.Explain(foreign.HTTPError(err))
	return &hint.Error{Op: op, Err: fmt.Errorf("%w: %w", ErrUnavailable, err), Hint: hint.Of(err)}
}

// Busy is the error for a provider that answered with a status that says it cannot
// answer now. It wraps [ErrUnavailable].
func Busy(op string, status int) error {
	return &hint.Error{Op: op, Err: fmt.Errorf("%w: status %d", ErrUnavailable, status), Hint: "the provider has a problem; try again later"}
}
