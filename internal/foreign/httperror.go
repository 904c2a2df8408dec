package foreign

import (
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"strings"
)

// HTTPError is the error of an HTTP request without its address, whose query may
// hold a secret, and without what the peer has sent: of an answer that is no HTTP
// net/http quotes the bytes, and tokens can be among them. The result wraps err's
// cause. nil stays nil.
func HTTPError(err error) error {
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err
	}
	if err == nil {
		return nil
	}
	var dialled *net.OpError
	var certificate *tls.CertificateVerificationError
	var advised interface{ UserHint() string } // of our own
	before, _, quoted := strings.Cut(err.Error(), `"`)
	if !quoted || errors.As(err, &dialled) || errors.As(err, &certificate) || errors.As(err, &advised) {
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
