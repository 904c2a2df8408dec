package bridge

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"mcp-login/internal/foreign"
	"mcp-login/internal/jsonrpc"
)

// maxKeptID bounds the id that is looked for in a line that is not kept.
const maxKeptID = 64 << 10

// lineTooLongError is a line beyond the configured limit, with the id of the request that
// it was, nil where none is known. It has been read to its end; the next one can be read.
type lineTooLongError struct{ id []byte }

func (*lineTooLongError) Error() string { return "the message is larger than --max-message allows" }

// lineReader cuts a stream into lines at LF, of any length (MCP 2025-11-25, Transports,
// stdio). A CR before the LF is dropped, a byte order mark at the start as well; every
// other byte, U+2028 among them, is content.
type lineReader struct {
	r     *bufio.Reader
	max   int
	begun bool
}

func newLineReader(r io.Reader, maxLine int) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, 64<<10), max: maxLine}
}

// next returns the next line; the bytes belong to the caller. The last line
// need not end with LF. io.EOF is the end.
func (l *lineReader) next() ([]byte, error) {
	var kept foreign.Buffer
	size := 0
	var over *jsonrpc.Scanner // reads what is not kept
	for {
		part, err := l.r.ReadSlice('\n')
		if !l.begun && len(part) > 0 {
			l.begun = true
			part = bytes.TrimPrefix(part, []byte("\xef\xbb\xbf"))
		}
		if size += len(part); over == nil && l.max > 0 && size > l.max+len("\r\n") {
			over = scanned(kept.Parts()...)
			kept = foreign.Buffer{}
		}
		if over != nil {
			_ = over.Feed(part)
		} else {
			_, _ = kept.Write(part)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && (size == 0 || !errors.Is(err, io.EOF)):
			return nil, err
		case over != nil:
			return nil, tooLong(over)
		}
		line := bytes.TrimSuffix(bytes.TrimSuffix(kept.Take(), []byte("\n")), []byte("\r"))
		if l.max > 0 && len(line) > l.max { // by as much as a line end, which it has not
			return nil, tooLong(scanned(line))
		}
		return line, nil
	}
}

// scanned begins to read a line that is not kept.
func scanned(parts ...[]byte) *jsonrpc.Scanner {
	over := new(jsonrpc.Scanner)
	over.KeepID(maxKeptID)
	for _, part := range parts {
		_ = over.Feed(part)
	}
	return over
}

func tooLong(over *jsonrpc.Scanner) error {
	id, known := over.ID()
	if !known || !over.Method() || over.End() != nil {
		id = nil
	}
	return &lineTooLongError{id}
}
