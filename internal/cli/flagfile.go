package cli

import (
	"bytes"
	"maps"
	"os"
	"sync"

	"mcp-login/internal/foreign"
)

// maxFlagFile bounds a file that a flag or a variable names.
const maxFlagFile = 1 << 20

// readFlagFile reads a file that a flag or a variable names, without the byte order
// mark that some editors put in front.
func readFlagFile(path string) ([]byte, error) {
	data, err := flagPipes.read(path)
	return bytes.TrimPrefix(data, []byte("\ufeff")), err
}

// flagPipes is what came out of pipes that flags name, such as a shell's process
// substitution: they give it once, and several parts of one run want it, as well as
// the process that signs in for this one, which has the same flags.
var flagPipes = pipes{held: map[string][]byte{}}

type pipes struct {
	mu   sync.Mutex
	held map[string][]byte
}

func (p *pipes) read(path string) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if data, ok := p.held[path]; ok {
		return data, nil
	}
	if info, err := os.Stat(path); err != nil || info.Mode().IsRegular() {
		return foreign.ReadFile(path, maxFlagFile)
	}
	data, err := foreign.ReadGiven(path, maxFlagFile)
	if err == nil {
		p.held[path] = data
	}
	return data, err
}

// keep adds what another process has read.
func (p *pipes) keep(held map[string][]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.Copy(p.held, held)
}

// all returns what was read.
func (p *pipes) all() map[string][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.held)
}
