package foreign

import (
	"errors"
	"fmt"
	"io"
)

// ErrNoFile is a name that stands for no regular file.
var ErrNoFile = errors.New("not a regular file")

// ReadFile reads a file that somebody else may have put there: a regular one of at
// most limit bytes. Something that has its name and is none, such as a pipe whose
// other end nobody opens, or a device without an end, is refused with ErrNoFile, a
// larger one with ErrTooLarge; other errors are those of os.Open.
func ReadFile(path string, limit int64) ([]byte, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: %w", path, ErrNoFile)
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, fmt.Errorf("%s: %w (more than %d bytes)", path, ErrTooLarge, limit)
	}
	return data, err
}
