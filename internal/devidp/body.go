package devidp

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Body is a way to answer that a client must survive.
type Body int

// The bodies. All have status 200 and the type of JSON, but for the redirects.
const (
	// BodyEndless is an object whose one member never ends.
	BodyEndless Body = iota + 1
	// BodyGiB is one whose member has 1 GiB.
	BodyGiB
	// BodyGzipBomb is the same in about 1 MiB of Content-Encoding gzip, whether
	// or not the client takes that.
	BodyGzipBomb
	// BodyNested is an object with 10,000 arrays in one another.
	BodyNested
	// BodyCut ends in the middle although its length was announced.
	BodyCut
	// BodyRedirects goes on to another address of the same endpoint, without
	// end, method and body kept (307).
	BodyRedirects
)

const (
	bodyBegin, bodyEnd = `{"x":"`, `"}`
	bodyChunk          = 1 << 20 // bytes
	bodyChunks         = 1 << 10 // of them in 1 GiB
	nesting            = 10_000
)

// write answers until it is done or nobody reads any more.
func (b Body) write(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	chunk := bytes.Repeat([]byte{'x'}, bodyChunk)
	switch b {
	case BodyEndless:
		for _, err := io.WriteString(w, bodyBegin); err == nil && r.Context().Err() == nil; {
			_, err = w.Write(chunk)
		}
	case BodyGiB:
		w.Header().Set("Content-Length", strconv.Itoa(len(bodyBegin)+bodyChunk*bodyChunks+len(bodyEnd)))
		repeat(w, r, []byte(bodyBegin), chunk, []byte(bodyEnd))
	case BodyGzipBomb:
		w.Header().Set("Content-Encoding", "gzip")
		repeat(w, r, zipped([]byte(bodyBegin)), zipped(chunk), zipped([]byte(bodyEnd)))
	case BodyNested:
		_, _ = io.WriteString(w, `{"x":`+strings.Repeat("[", nesting)+strings.Repeat("]", nesting)+"}")
	case BodyCut:
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, bodyBegin)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler) // net/http's way to cut the connection
	case BodyRedirects:
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		http.Redirect(w, r, r.URL.Path+"?n="+strconv.Itoa(n+1), http.StatusTemporaryRedirect) //nolint:gosec // to the endpoint itself
	}
}

// repeat writes begin, as many chunks as make 1 GiB, and end.
func repeat(w io.Writer, r *http.Request, begin, chunk, end []byte) {
	_, err := w.Write(begin)
	for i := 0; i < bodyChunks && err == nil && r.Context().Err() == nil; i++ {
		_, err = w.Write(chunk)
	}
	if err == nil {
		_, _ = w.Write(end)
	}
}

// zipped is one member of a gzip file, which may have many (RFC 1952, section
// 2.2).
func zipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b) // to memory
	_ = z.Close()
	return out.Bytes()
}
