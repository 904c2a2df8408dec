package cli

import (
	"bytes"
	"maps"
	"os"
	"slices"
	"sync"

	"mcp-login/internal/account"
	"mcp-login/internal/foreign"
)

// secretNames are the variables that hold secrets of ours.
var secretNames = []string{clientSecretName, enterpriseSecretName, account.TokenVariable, "MCP_LOGIN_PASSPHRASE"}

// ordinaryNames are variables that other programs need and that hold no secret,
// even where a header names them.
var ordinaryNames = []string{"HOME", "HOSTNAME", "LANG", "LOGNAME", "PATH", "SHELL", "TMPDIR", "USER", "USERNAME", "USERPROFILE"}

// environment is that of the process. What is a secret is taken out of it, so
// that neither a browser nor its helpers nor the detached login inherit it.
type environment struct {
	mu    sync.Mutex
	taken map[string]string
}

// newEnvironment takes out what is known to be secret, and adds what the process that
// waits for this login has handed over, nil for none.
func newEnvironment(handover *account.Handover) *environment {
	e := &environment{taken: map[string]string{}}
	if handover != nil {
		maps.Copy(e.taken, handover.Secrets)
	}
	for _, name := range secretNames {
		e.hide(name)
	}
	return e
}

// hide takes a variable out of what children inherit; get still knows it.
func (e *environment) hide(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	value, ok := os.LookupEnv(name)
	if !ok || slices.Contains(ordinaryNames, name) {
		return
	}
	e.taken[name] = value
	_ = os.Unsetenv(name)
}

// get returns a variable, "" for none.
func (e *environment) get(name string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if value, ok := e.taken[name]; ok {
		return value
	}
	return os.Getenv(name)
}

// secrets are the variables that were taken out.
func (e *environment) secrets() map[string]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.taken)
}

// variables returns what may be used of the environment on behalf of the server
// of o: nothing for one of several kept logins. A variable that is asked for is
// secret from then on.
func (a *app) variables(o options) func(name string) string {
	return func(name string) string {
		if o.getenv == nil {
			return ""
		}
		if a.env != nil {
			a.env.hide(name)
		}
		return o.getenv(name)
	}
}

// maxFlagFile bounds a file that a flag or a variable names.
const maxFlagFile = 1 << 20

// flagFiles reads the files that flags and variables name. What comes out of a pipe, such as
// a shell's process substitution, is kept: it comes once, and several parts of one run
// want it, as well as the process that signs in for this one, which has the same flags. nil
// keeps nothing.
type flagFiles struct {
	mu    sync.Mutex
	piped map[string][]byte
}

// newFlagFiles begins with what the process that waits for this login has read of pipes.
func newFlagFiles(handover *account.Handover) *flagFiles {
	f := &flagFiles{piped: map[string][]byte{}}
	if handover != nil {
		maps.Copy(f.piped, handover.Pipes)
	}
	return f
}

// read reads a file, without the byte order mark that some editors put in front.
func (f *flagFiles) read(path string) ([]byte, error) {
	data, err := f.content(path)
	return bytes.TrimPrefix(data, []byte("\ufeff")), err
}

func (f *flagFiles) content(path string) ([]byte, error) {
	if f == nil {
		f = newFlagFiles(nil)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if data, ok := f.piped[path]; ok {
		return data, nil
	}
	if info, err := os.Stat(path); err != nil || info.Mode().IsRegular() {
		return foreign.ReadFile(path, maxFlagFile)
	}
	data, err := foreign.ReadGiven(path, maxFlagFile)
	if err == nil {
		f.piped[path] = data
	}
	return data, err
}

// pipes returns what came out of pipes.
func (f *flagFiles) pipes() map[string][]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.piped)
}
