package bridge

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
)

// errLineTooLong is a line beyond the configured limit. It has been read to
// its end; the next one can be read.
var errLineTooLong = errors.New("the message is larger than allowed")

// lineReader cuts a stream into lines at LF, of any length. A CR before the LF
// is dropped, a byte order mark at the start as well; every other byte,
// U+2028 among them, is content (P2).
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
	var line []byte
	tooLong := false
	for {
		part, err := l.r.ReadSlice('\n')
		if !l.begun && len(part) > 0 {
			l.begun = true
			part = bytes.TrimPrefix(part, []byte("\xef\xbb\xbf"))
		}
		if l.max > 0 && len(line)+len(part) > l.max+1 {
			line, tooLong = nil, true
		}
		if !tooLong {
			if len(line) > 0 && len(line)+len(part) > cap(line) {
				line = slices.Grow(line, max(len(part), len(line))) // twice each time
			}
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && (len(line) == 0 && !tooLong || !errors.Is(err, io.EOF)):
			return nil, err
		case tooLong:
			return nil, errLineTooLong
		}
		return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")), nil
	}
}
