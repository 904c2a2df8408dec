package bridge

import (
	"io"
	"sync"
)

// output writes lines, one Write each, so that no other output comes between. After a
// failed Write nothing more is written: the client has gone.
type output struct {
	mu     sync.Mutex
	w      io.Writer
	failed func(error)
	broken bool
}

// line writes b and a line end; nil writes nothing, and waits for nobody. b belongs
// to the output; its spare capacity is used for the line end.
func (o *output) line(b []byte) {
	if b == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.write(append(b, '\n'))
}

// write writes b, with the lock held.
func (o *output) write(b []byte) {
	if o.broken {
		return
	}
	if _, err := o.w.Write(b); err != nil {
		o.broken = true
		o.failed(err)
	}
}
