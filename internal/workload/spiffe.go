package workload

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
)

// spiffeVariable says where the Workload API is (SPIFFE Workload Endpoint, section 4).
const spiffeVariable = "SPIFFE_ENDPOINT_SOCKET"

// fetchSVID is one call of FetchJWTSVID (SPIFFE Workload API, section 6.2.1) at the endpoint
// that address names. Of several identities the first is the default one (section 5.3).
func fetchSVID(ctx context.Context, address, audience string) (string, error) {
	path, err := socketPath(address)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{
		Protocols: &protocols, DisableCompression: true, MaxResponseHeaderBytes: maxToken,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost/SpiffeWorkloadAPI/FetchJWTSVID", bytes.NewReader(frame(requestFor(audience))))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("Te", "trailers")
	req.Header.Set("workload.spiffe.io", "true") // section 5.1 of the Workload Endpoint: against forged requests
	resp, err := transport.RoundTrip(req)        //nolint:bodyclose // foreign.ReadBody closes it
	if err != nil {
		return "", hint.With(foreign.HTTPError(err), "look whether the SPIFFE agent runs, and whether this user may use its socket")
	}
	body, err := foreign.ReadBody(resp, maxToken, timeout)
	if err != nil {
		return "", fmt.Errorf("read its answer: %w", err)
	}
	if err := grpcError(resp); err != nil {
		return "", err
	}
	return readSVID(body)
}

// socketPath reads the address of the endpoint (SPIFFE Workload Endpoint, section 4). TCP is
// not supported: other users of the machine reach it as well.
func socketPath(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "unix" || u.Host != "" || u.Path == "" || u.RawQuery != "" || u.Fragment != "" {
		return "", hint.With(errors.New(spiffeVariable+" names no Unix socket"), "set it to the socket of the SPIFFE agent, such as "+spiffeVariable+"=unix:///run/spire/agent-sockets/api.sock")
	}
	return u.Path, nil
}

// grpcError is the failure that an answer tells of: its status stands behind the body, or
// where there is none in the header.
func grpcError(resp *http.Response) error {
	said := func(name string) string { return resp.Trailer.Get(name) + resp.Header.Get(name) }
	switch status := said("Grpc-Status"); {
	case resp.StatusCode != http.StatusOK || status == "":
		return fmt.Errorf("what answers is no gRPC server (status %d)", resp.StatusCode)
	case status == "7": // PERMISSION_DENIED: section 5.4 of the Workload API
		return hint.With(errors.New("it knows no identity for this program"), "register this workload at the SPIFFE server, as with spire-server entry create")
	case status != "0":
		message, err := url.PathUnescape(said("Grpc-Message"))
		if err != nil {
			message = said("Grpc-Message")
		}
		return fmt.Errorf("it answers with gRPC status %s: %s", foreign.Line(status), foreign.Quote(message))
	}
	return nil
}

// The messages of the call, in the encoding of Protocol Buffers: the request has the
// audience as its field 1; the answer has the identities there, each with the token as
// its field 2.
const (
	fieldAudience, fieldSVIDs = 1, 1
	fieldToken                = 2
)

// The wire types of Protocol Buffers.
const (
	wireVarint = 0
	wire64     = 1
	wireBytes  = 2
	wire32     = 5
)

func requestFor(audience string) []byte {
	message := binary.AppendUvarint([]byte{fieldAudience<<3 | wireBytes}, uint64(len(audience)))
	return append(message, audience...)
}

// frameHeader is what stands before a message of gRPC: whether it is compressed, and its
// length.
const frameHeader = 5

func frame(message []byte) []byte {
	header := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))) //nolint:gosec // far below
	return append(header, message...)
}

var errMalformed = errors.New("its answer cannot be read")

// readSVID returns the token of the first identity in the body of an answer.
func readSVID(body []byte) (token string, err error) {
	if len(body) < frameHeader || body[0] != 0 || int64(binary.BigEndian.Uint32(body[1:])) != int64(len(body)-frameHeader) {
		return "", errMalformed
	}
	identity, err := firstField(body[frameHeader:], fieldSVIDs)
	if err != nil {
		return "", err
	}
	value, err := firstField(identity, fieldToken)
	if err == nil && len(value) == 0 {
		err = errors.New("its answer holds no token")
	}
	return string(value), err
}

// firstField returns the first field of a message with this number and a length, nil for
// none.
func firstField(message []byte, number uint64) (found []byte, err error) {
	for len(message) > 0 {
		tag, n := binary.Uvarint(message)
		if n <= 0 || tag>>3 == 0 {
			return nil, errMalformed
		}
		message = message[n:]
		var size uint64
		switch tag & 7 {
		case wireVarint:
			if _, n = binary.Uvarint(message); n <= 0 {
				return nil, errMalformed
			}
			size = uint64(n)
		case wire64:
			size = 8
		case wire32:
			size = 4
		case wireBytes:
			if size, n = binary.Uvarint(message); n <= 0 {
				return nil, errMalformed
			}
			message = message[n:]
		default:
			return nil, errMalformed
		}
		if size > uint64(len(message)) {
			return nil, errMalformed
		}
		if found == nil && tag == number<<3|wireBytes {
			found = message[:size:size]
		}
		message = message[size:]
	}
	return found, nil
}
