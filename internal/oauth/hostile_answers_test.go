package oauth_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// hostileAnswers are answers of an endpoint that a client must survive: an object whose
// one member never ends; one of 1 GiB; the same in about 1 MiB of gzip, whether or not the
// client takes that; 10,000 arrays in one another; and one that ends in the middle
// although its length was announced.
var hostileAnswers = map[string]http.HandlerFunc{
	"endless": func(w http.ResponseWriter, r *http.Request) {
		for _, err := io.WriteString(w, answerBegin); err == nil && r.Context().Err() == nil; {
			_, err = w.Write(answerChunk())
		}
	},
	"GiB": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(answerBegin)+1<<30+len(answerEnd)))
		writeGiB(w, r, []byte(answerBegin), answerChunk(), []byte(answerEnd))
	},
	"gzip": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		writeGiB(w, r, zipped([]byte(answerBegin)), zipped(answerChunk()), zipped([]byte(answerEnd)))
	},
	"nested": func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"x":`+strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000)+"}")
	},
	"cut": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, answerBegin)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler) // net/http's way to cut the connection
	},
}

const answerBegin, answerEnd = `{"x":"`, `"}`

// answerChunk is one MiB of text.
func answerChunk() []byte { return bytes.Repeat([]byte{'x'}, 1<<20) }

// writeGiB writes begin, the chunk 1,024 times, and end.
func writeGiB(w io.Writer, r *http.Request, begin, chunk, end []byte) {
	_, err := w.Write(begin)
	for i := 0; i < 1<<10 && err == nil && r.Context().Err() == nil; i++ {
		_, err = w.Write(chunk)
	}
	if err == nil {
		_, _ = w.Write(end)
	}
}

// zipped is one member of a gzip file, which may have many (RFC 1952, section 2.2).
func zipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b) // to memory
	_ = z.Close()
	return out.Bytes()
}

// redirectsOn goes on to another address of the same endpoint, without end.
func redirectsOn(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.URL.Query().Get("n"))
	http.Redirect(w, r, r.URL.Path+"?n="+strconv.Itoa(n+1), http.StatusTemporaryRedirect)
}

// hostile answers as JSON would.
func hostile(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		hostileAnswers[name](w, r)
	}
}

// The large ones go on for longer than anybody should read, in little more than 1 MiB if
// they are zipped.
func TestHostileAnswersAreLarge(t *testing.T) {
	for _, name := range []string{"endless", "GiB", "gzip"} {
		server := httptest.NewServer(hostile(name))
		resp, err := http.Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.CopyN(io.Discard, resp.Body, 40<<20); err != nil || resp.Uncompressed != (name == "gzip") {
			t.Errorf("%s: ends after %d bytes: %v", name, n, err)
		}
		_ = resp.Body.Close()
		server.Close()
	}
	if n := len(zipped(answerChunk())); n > 2<<10 {
		t.Errorf("one MiB is zipped to %d bytes", n)
	}
}
