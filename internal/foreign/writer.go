package foreign

import (
	"io"
	"sync"
	"unicode/utf8"
)

// TextWriter returns a writer that passes on to w what [Text] leaves: for what
// others write, such as a log. It may be used by several goroutines.
func TextWriter(w io.Writer) io.Writer {
	return &writer{w: w, filter: func(b []byte) []byte {
		if printable(b) {
			return b
		}
		if text := Text(string(b)); text != string(b) {
			return []byte(text)
		}
		return b
	}}
}

// printable reports whether b is lines of visible ASCII, which is most of a log.
func printable(b []byte) bool {
	for _, c := range b {
		if (c < ' ' || c > '~') && c != '\n' {
			return false
		}
	}
	return true
}

// JSONWriter returns a writer that passes on to w what [JSON] makes of one value
// after the other. It may be used by several goroutines, if each writes values.
func JSONWriter(w io.Writer) io.Writer {
	return &writer{w: w, filter: new(escaper).escape}
}

// writer filters what is written.
type writer struct {
	mu     sync.Mutex
	w      io.Writer
	filter func([]byte) []byte
	part   []byte // of a character whose rest is not written yet
}

// Write implements io.Writer. It passes on what it got in one write, but for the
// first bytes of a character at its end, which go with the rest of it.
func (f *writer) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := p
	if len(f.part) > 0 {
		b = append(f.part, p...)
	}
	end := len(b) - unfinished(b)
	if end > 0 {
		if _, err := f.w.Write(f.filter(b[:end])); err != nil {
			return 0, err
		}
	}
	f.part = append([]byte(nil), b[end:]...)
	return len(p), nil
}

// unfinished returns how many bytes at the end of b begin a character that may go
// on.
func unfinished(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if c := b[len(b)-n]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(b[len(b)-n:]) {
				return n
			}
			return 0
		}
	}
	return 0
}
