package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"time"

	"github.com/go-json-experiment/json"

	"mcp-login/internal/oauth"
)

// Entry is what is known about one stored login without its secrets.
type Entry struct {
	// ID is the oauth.Key.ID, by which its files are named.
	ID string `json:"-"`
	// Key is the identity; zero when Problem is set and the index was lost.
	Key oauth.Key `json:"key"`
	// Account is a name for people, Issuer the authorization server, ClientID
	// the client registered there.
	Account  string `json:"account,omitzero"`
	Issuer   string `json:"issuer,omitzero"`
	ClientID string `json:"client_id,omitzero"`
	// FoundAt and Named are those of oauth.Credential.
	FoundAt string `json:"issuer_found_at,omitzero"`
	Named   string `json:"issuer_named,omitzero"`
	// Resource is that of oauth.Credential.
	Resource string `json:"resource,omitzero"`
	// Requested are the scopes that were asked for, and Scopes those of the token:
	// the same where the issuer has named none.
	Requested []string `json:"requested_scopes,omitempty"`
	Scopes    []string `json:"scopes,omitempty"`
	// EnterpriseClientID is that of oauth.Credential.
	EnterpriseClientID string `json:"enterprise_client_id,omitzero"`
	// Store is the kind of store that the login is kept in.
	Store Kind `json:"store"`
	// HasToken tells that there is a token at all: a login that was begun and
	// not finished leaves an entry without. LastError is how the latest one
	// failed, "" when it did not.
	HasToken  bool   `json:"signed_in"`
	LastError string `json:"last_error,omitzero"`
	// Established is that of oauth.Credential: a login was finished before.
	Established bool `json:"established,omitzero"`
	// UnderWay tells that there is none yet, and somebody is asked for it now.
	UnderWay bool `json:"-"`
	// Refreshable tells that there is a refresh token.
	Refreshable bool `json:"refreshable"`
	// Bound tells that the tokens are bound to a key (RFC 9449).
	Bound bool `json:"bound,omitzero"`
	// Expiry is when the access token ends; zero when the issuer did not say.
	Expiry time.Time `json:"expires_at,omitzero"`
	// SavedAt is when the login was last written.
	SavedAt time.Time `json:"saved_at"`
	// LastUsed is when it was last read for use, or written, to the minute.
	LastUsed time.Time `json:"-"`
	// Problem says why the login cannot be read, "" when nothing is known to
	// be wrong. It is for people.
	Problem string `json:"-"`
}

func entryOf(key oauth.Key, cred oauth.Credential, savedAt time.Time, kind Kind) Entry {
	scopes := cred.GrantedScopes
	if scopes == nil {
		scopes = cred.RequestedScopes
	}
	key.Scopes, key.Params = slices.Clone(key.Scopes), slices.Clone(key.Params)
	return Entry{
		ID: key.ID(), Key: key, Account: cred.Account, Issuer: cred.Issuer, FoundAt: cred.FoundAt, Named: cred.Named, ClientID: cred.Registration.ClientID,
		Resource: cred.Resource, Requested: slices.Clone(cred.RequestedScopes), Scopes: slices.Clone(scopes), Store: kind, Refreshable: !cred.RefreshToken.IsZero(), Bound: cred.Bound(),
		EnterpriseClientID: cred.EnterpriseClientID,
		Expiry:             utc(cred.Expiry), SavedAt: utc(savedAt), HasToken: cred.HasToken(), Established: cred.Established, LastError: cred.Attempt.Text,
	}
}

// stamp tells whether a credential file is the one an entry was made from.
type stamp struct {
	Modified time.Time `json:"file_modified"`
	Size     int64     `json:"file_size"`
}

func stampOf(info fs.FileInfo) stamp { return stamp{utc(info.ModTime()), info.Size()} }

const (
	indexFormat = 2
	// entryFormat is the version of an entry. Programs of earlier versions drop the
	// members that they do not know and the number, so that an entry without it is
	// read again from its credential. A new member that must not be lost needs a
	// higher number.
	entryFormat = 2
)

type indexed struct {
	Format int `json:"format,omitzero"`
	Entry  `json:",inline"`
	stamp  `json:",inline"`
}

// index is the list of stored logins by identity. It is a convenience: the
// credential files decide, and an index that is missing, broken or behind is mended.
type index map[string]indexed

type indexFile struct {
	Format  int       `json:"format"`
	Entries []indexed `json:"entries"`
}

// readIndex returns an empty index for one that cannot be used.
func (s *Store) readIndex(ctx context.Context) index {
	x := index{}
	b, err := readPrivate(ctx, filepath.Join(s.dir, indexName))
	var file indexFile
	if err == nil {
		err = json.Unmarshal(b, &file)
	}
	if err != nil || file.Format != indexFormat {
		if !errors.Is(err, fs.ErrNotExist) {
			s.log.Debug("the index of the store is unreadable and is written again", "error", err)
		}
		return x
	}
	for _, e := range file.Entries {
		e.ID = e.Key.ID()
		if e.Format < entryFormat {
			e.stamp = stamp{} // List reads the login itself
		}
		e.Format = entryFormat // members of a later one are not kept
		x[e.ID] = e
	}
	return x
}

// updateIndex is called by the writer of the directory. A failure is logged
// and not returned: List mends the index.
func (s *Store) updateIndex(ctx context.Context, change func(index)) {
	x := s.readIndex(ctx)
	change(x)
	file := indexFile{Format: indexFormat, Entries: []indexed{}}
	for _, id := range slices.Sorted(maps.Keys(x)) {
		file.Entries = append(file.Entries, x[id])
	}
	b, err := json.Marshal(file)
	if err == nil {
		_, err = s.disk.write(ctx, indexName, b, false)
	}
	if err != nil {
		s.log.Warn("cannot write the index of the store", "error", err)
	}
}

// List returns the stored logins, ordered by server and profile. It reads the
// index; only logins that the index does not know, or knows in an older state,
// are read themselves, which may ask the keyring. A login that cannot be read
// is listed with its Problem.
func (s *Store) List(ctx context.Context) ([]Entry, error) {
	if s.memory != nil {
		return ordered(s.memory.list()), nil
	}
	files, err := s.credentialFiles()
	if err != nil {
		return nil, fmt.Errorf("list the stored logins: %w", err)
	}
	x := s.readIndex(ctx)
	var list []Entry
	mended := map[string]indexed{}
	for id, f := range files {
		e, ok := x[id]
		if !ok || e.Store != f.kind || e.stamp != f.stamp || f.duplicate {
			e = s.readEntry(ctx, id, f, e)
			if e.Problem == "" {
				mended[id] = e
			}
		}
		e.LastUsed = s.lastUse(id, e.SavedAt)
		list = append(list, s.withUnderWay(ctx, e.Entry))
	}
	stale := slices.DeleteFunc(slices.Collect(maps.Keys(x)), func(id string) bool { _, ok := files[id]; return ok })
	if len(mended)+len(stale) > 0 {
		s.repairIndex(ctx, mended, stale)
	}
	return ordered(list), nil
}

// ListIndexed returns the logins as the index has them, in no order: no login is read and
// the keyring is not asked, so that a start can look at it. Only where a login has no
// entry, or one that a program of an earlier version has written, it is List.
func (s *Store) ListIndexed(ctx context.Context) ([]Entry, error) {
	if s.memory != nil {
		return s.memory.list(), nil
	}
	files, err := s.credentialFiles()
	if err != nil {
		return nil, fmt.Errorf("list the stored logins: %w", err)
	}
	x := s.readIndex(ctx)
	list := make([]Entry, 0, len(files))
	for id := range files {
		e, ok := x[id]
		if !ok || e.stamp == (stamp{}) {
			return s.List(ctx)
		}
		list = append(list, s.withUnderWay(ctx, e.Entry))
	}
	return list, nil
}

// Indexed returns the logins as the index has them, and reads nothing else: some may be
// missing, or gone.
func (s *Store) Indexed(ctx context.Context) (list []Entry) {
	if s.memory != nil {
		return nil
	}
	for _, e := range s.readIndex(ctx) {
		list = append(list, e.Entry)
	}
	return ordered(list)
}

// withUnderWay fills in UnderWay, which is not written down.
func (s *Store) withUnderWay(ctx context.Context, e Entry) Entry {
	e.UnderWay = !e.HasToken && !e.Established && e.Key.Server != "" && s.LoginUnderWay(ctx, e.Key)
	return e
}

func ordered(list []Entry) []Entry {
	// Not slices.SortFunc, which the compiler makes anew for this large type: 20 KB.
	sort.Slice(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		return cmp.Or(cmp.Compare(a.Key.Server, b.Key.Server), cmp.Compare(a.Key.Profile, b.Key.Profile), cmp.Compare(a.ID, b.ID)) < 0
	})
	return list
}

// credentialFile is what the directory says about the file of an identity.
type credentialFile struct {
	kind      Kind
	stamp     stamp
	duplicate bool // in more than one form: a writer died in between
}

func (s *Store) credentialFiles() (map[string]credentialFile, error) {
	files := map[string]credentialFile{}
	if err := checkDirectory(s.dir); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return files, nil
		}
		return nil, err
	}
	names, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		id, suffix, ok := identityOf(n.Name())
		kind, isCredential := credentialSuffixes[suffix]
		if !ok || !isCredential {
			continue
		}
		info, err := n.Info()
		if err != nil {
			continue // removed since
		}
		f := credentialFile{kind: kind, stamp: stampOf(info)}
		if other, ok := files[id]; ok {
			f.duplicate = true
			if !s.reads(kind) {
				f.kind, f.stamp = other.kind, other.stamp
			}
		}
		files[id] = f
	}
	return files, nil
}

// readEntry makes the entry of one login from its file. What the index knew stays
// in an entry with a problem.
func (s *Store) readEntry(ctx context.Context, id string, f credentialFile, known indexed) indexed {
	if !s.reads(f.kind) {
		known.ID, known.Store, known.Problem = id, f.kind, s.unreadReason(f.kind)
		return known
	}
	rec, err := s.readRecord(ctx, id)
	if err != nil {
		known.ID, known.Store, known.Problem = id, f.kind, err.Error()
		return known
	}
	return indexed{entryFormat, entryOf(rec.Key, rec.Credential, rec.SavedAt, f.kind), f.stamp}
}

// repairIndex writes entries that were missing, unless a writer was faster.
func (s *Store) repairIndex(ctx context.Context, mended map[string]indexed, stale []string) {
	err := s.withWriteLock(ctx, func() error {
		files, err := s.credentialFiles()
		if err != nil {
			return err
		}
		s.updateIndex(ctx, func(x index) {
			for id, e := range mended {
				if files[id].stamp == e.stamp {
					x[id] = e
				}
			}
			for _, id := range stale {
				if _, ok := files[id]; !ok {
					delete(x, id)
				}
			}
		})
		return nil
	})
	if err != nil {
		s.log.Debug("cannot mend the index of the store", "error", err)
	}
}

// lastUsePrecision is how exact the time of the last use is: writing it at every
// request would keep a disk awake for nothing.
const lastUsePrecision = time.Minute

// recordUse remembers that a credential was read, for people who look at status.
// The modification time of the identity's lock file, which is empty, holds it:
// one system call, nothing that could be torn, and nothing that matters when
// it fails.
func (s *Store) recordUse(id string, now time.Time) {
	path := filepath.Join(s.dir, id+lockSuffix)
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || !ownedByUs(info) || now.Sub(info.ModTime()).Abs() < lastUsePrecision {
		return
	}
	_ = os.Chtimes(path, now, now)
}

// lastUse is the later of the last time a credential was read and written.
func (s *Store) lastUse(id string, savedAt time.Time) time.Time {
	info, err := os.Lstat(filepath.Join(s.dir, id+lockSuffix))
	if err != nil || info.ModTime().Before(savedAt) {
		return savedAt
	}
	return utc(info.ModTime())
}
