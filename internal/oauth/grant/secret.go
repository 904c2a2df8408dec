package grant

import (
	"fmt"
	"io"
	"log/slog"
	"runtime"

	"mcp-login/internal/foreign"
)

// Secret holds a token, a client secret or another value that must never be
// printed. No fmt verb, slog handler or text encoder shows its value, not even
// when it sits in an unexported field of a printed struct, because the value
// is behind a pointer: fmt calls no methods on unexported fields and would
// print a plain string there. The zero Secret is empty.
type Secret struct{ value *string }

// NewSecret wraps value. As long as the Secret is in use, its value is withheld where a
// peer sends it back ([foreign.Quote]). An empty value gives the zero Secret.
func NewSecret(value string) Secret {
	if value == "" {
		return Secret{}
	}
	s := Secret{value: &value}
	runtime.AddCleanup(s.value, func(release func()) { release() }, foreign.Withhold(value))
	return s
}

// Reveal returns the secret itself. Its callers are few on purpose: the
// request that needs it and the store that seals it.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.value == nil }

// Equal reports whether both hold the same value.
func (s Secret) Equal(other Secret) bool { return s.Reveal() == other.Reveal() }

// String returns a fixed marker, or nothing for the zero Secret.
func (s Secret) String() string {
	if s.value == nil {
		return ""
	}
	return foreign.Redacted
}

// Format implements fmt.Formatter, so that %#v and %d redact as well.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText implements encoding.TextMarshaler with the marker: JSON, XML and
// every other text encoder redact.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
