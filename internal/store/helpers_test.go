package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// helpers are the parts that the test binary plays as another process, with its store
// and further words. Those that only some systems have add themselves.
var helpers = map[string]func(s *Store, args []string) error{
	"save":  helperSave,
	"churn": helperChurn,
	"hold":  helperHold,
	"count": helperCount,
	"state": helperState,
	"ask":   helperAsk,
}

// helperOpen opens a store for a helper: its directory, its kind, and the
// directory of a ringFiles, or "os" for the keyring of the system.
func helperOpen(dir, kind, ring string) (*Store, error) {
	o := Options{Dir: dir, Kind: Kind(kind), Getenv: environment(passphraseVariable, goodPassphrase), Notice: func(message, _ string) { fmt.Fprintln(os.Stderr, "notice:", message) }}
	if ring == "os" {
		o.Getenv = nil
		o.keyringTimeout, _ = time.ParseDuration(os.Getenv(timeoutVariable))
	} else {
		o.keyring = ringFiles(ring)
	}
	return Open(o)
}

// awaitTheOthers waits for the line that startTogether writes.
func awaitTheOthers() error {
	fmt.Println("ready")
	_, err := bufio.NewReader(os.Stdin).ReadString('\n')
	return err
}

// helperSave saves together with others under a name: NAME NUMBER.
func helperSave(s *Store, args []string) error {
	n, err := strconv.Atoi(args[1])
	if err := errors.Join(err, awaitTheOthers()); err != nil {
		return err
	}
	return s.Save(context.Background(), keyFor(args[0]), numbered(n))
}

// helperChurn saves ever higher numbers until it is killed, and says each
// number once it is saved: FIRST.
func helperChurn(s *Store, args []string) error {
	first, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	for n := first; ; n++ {
		if err := s.Save(context.Background(), keyFor("churn"), numbered(n)); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// helperHold takes the lock, publishes a login and holds both until its input
// ends.
func helperHold(s *Store, _ []string) error {
	unlock, err := s.LockLogin(context.Background(), keyFor("held"), nil)
	if err != nil {
		return err
	}
	defer unlock()
	err = s.SetPending(context.Background(), keyFor("held"), Pending{URL: "https://issuer.example/auth", PID: os.Getpid()})
	if err != nil {
		return err
	}
	fmt.Println("held")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// helperCount adds to a number in a file, 25 times, each under the lock.
func helperCount(s *Store, _ []string) error {
	file := filepath.Join(s.dir, "..", "count")
	for range 25 {
		unlock, err := s.Lock(context.Background(), keyFor("count"))
		if err != nil {
			return err
		}
		b, _ := os.ReadFile(file)
		n, _ := strconv.Atoi(string(b))
		if err := os.WriteFile(file, []byte(strconv.Itoa(n+1)), 0o600); err != nil {
			return err
		}
		unlock()
	}
	return nil
}

// helperState saves with the keyring of the system and says how that went: its
// state, or where the login is kept.
func helperState(s *Store, _ []string) error {
	err := s.Save(context.Background(), keyFor("state"), numbered(1))
	var ke *KeyringError
	switch {
	case errors.As(err, &ke):
		fmt.Printf("%s; hint: %s\n", ke.State, ke.UserHint())
		return nil
	case err != nil:
		return err
	}
	fmt.Println("kept in", s.Describe(context.Background(), keyFor("state")))
	return nil
}

// ringFiles is a keyringBackend of files, shared by processes. Like a real one it has
// no "create only": two first starts could overwrite each other's key. Each
// Set leaves a line in the file "sets".
type ringFiles string

func (r ringFiles) file(service, account string) string {
	return filepath.Join(string(r), service+"-"+account)
}

func (r ringFiles) Get(service, account string) (string, error) {
	b, err := os.ReadFile(r.file(service, account))
	if errors.Is(err, os.ErrNotExist) {
		return "", &KeyringError{State: KeyringNotFound}
	}
	return string(b), err
}

func (r ringFiles) Set(service, account, secret string) error {
	log, err := os.OpenFile(filepath.Join(string(r), "sets"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(log, account)
	if err := errors.Join(err, log.Close()); err != nil {
		return err
	}
	temp := r.file(service, account) + strconv.Itoa(os.Getpid())
	if err := os.WriteFile(temp, []byte(secret), 0o600); err != nil {
		return err
	}
	return os.Rename(temp, r.file(service, account))
}

func (r ringFiles) sets() int {
	b, _ := os.ReadFile(filepath.Join(string(r), "sets"))
	return strings.Count(string(b), "\n")
}
