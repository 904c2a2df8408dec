package bearer

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
)

// A public package imports nothing internal, so what it needs to show and read what
// an issuer says is here once more, and no more of it than is needed.

// maxShown is how much of an issuer's address stands in an error.
const maxShown = 200

// shortAddress is an issuer's address for a log: what is not of a URL is
// percent-encoded, so that it can neither break the line nor be mistaken for ours.
func shortAddress(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if b.Len() >= maxShown {
			return b.String() + "..."
		}
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~:/?#@&+,=%[]", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		_, _ = fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// maxLine is how much of an error stands in the log.
const maxLine = 1 << 10

// shownLine is an error for the log: one line of printable characters. What clients and
// issuers have sent may be part of it.
func shownLine(err error) string {
	line := strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return ';'
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, err.Error())
	if len(line) > maxLine {
		line = strings.ToValidUTF8(line[:maxLine], "") + "..."
	}
	return line
}

// withoutAddress is the error of a request without its address, whose query may hold
// a secret, and without what the peer has sent: of an answer that is no HTTP net/http
// quotes the bytes. nil stays nil.
func withoutAddress(err error) error {
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err
	}
	if err == nil {
		return nil
	}
	before, _, quoted := strings.Cut(err.Error(), `"`)
	if !quoted || errors.As(err, new(*net.OpError)) || errors.As(err, new(*tls.CertificateVerificationError)) {
		return err
	}
	return unquotedError{strings.TrimRight(before, ` :[`), err}
}

type unquotedError struct {
	text string
	err  error
}

func (e unquotedError) Error() string { return e.text }

func (e unquotedError) Unwrap() error { return e.err }

// readAnswer reads the body of resp to its end, but no more than limit bytes and no
// longer than within, however slowly they come, and closes it.
func readAnswer(resp *http.Response, limit int64, within time.Duration) ([]byte, error) {
	defer func() { _ = resp.Body.Close() }()
	late := time.AfterFunc(within, func() { _ = resp.Body.Close() }) // ends a read that is under way
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch inTime := late.Stop(); {
	case !inTime && err != nil:
		return nil, fmt.Errorf("it takes too long to end (%v)", within)
	case int64(len(body)) > limit:
		return nil, fmt.Errorf("it is too large (more than %d bytes)", limit)
	}
	return body, withoutAddress(err)
}

// noRedirect makes a redirect the answer.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
