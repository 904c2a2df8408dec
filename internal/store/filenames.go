package store

import "strings"

// The files of a store directory. An identity's files start with its
// oauth.Key.ID, 64 hexadecimal characters.
const (
	sealedSuffix = ".sealed" // the credential, encrypted
	plainSuffix  = ".plain"  // the credential, as JSON
	// the credential, encrypted under a passphrase
	passphraseSuffix = ".passphrase"
	lockSuffix       = ".lock"    // empty; locked by who renews the credential
	loginSuffix      = ".login"   // empty; locked by who asks the person
	pendingSuffix    = ".pending" // the login in progress
	cacheSuffix      = ".note-"   // and a name: what is known of the server
	probeSuffix      = cacheSuffix + "probe"

	indexName         = "index.json"
	writeLockName     = "write.lock"     // locked while a credential and the index are written
	keyLockName       = "key.lock"       // locked while a key in the OS keyring is created; stays
	passphraseKeyName = "passphrase.key" // the key of KindPassphrase, encrypted
	passphraseLock    = "passphrase.lock"

	// Markers: what the person has been told once.
	fallbackMarker = "told-fallback"
	noLocksMarker  = "told-no-locks"

	tempSuffix   = ".tmp"
	tempRandom   = 16 // hexadecimal characters in front of tempSuffix
	idCharacters = 64
)

// identityOf returns the identity of a credential file and its suffix.
func identityOf(name string) (id, suffix string, ok bool) {
	if len(name) <= idCharacters || !isHex(name[:idCharacters]) {
		return "", "", false
	}
	id, suffix = name[:idCharacters], name[idCharacters:]
	switch strings.TrimSuffix(suffix, lockFileSuffix) {
	case sealedSuffix, plainSuffix, passphraseSuffix, lockSuffix, loginSuffix, pendingSuffix:
		return id, suffix, true
	}
	return id, suffix, strings.HasPrefix(suffix, cacheSuffix) && isCacheName(suffix[len(cacheSuffix):])
}

// isStoreFile reports whether a store writes files of this name.
func isStoreFile(name string) bool {
	if target, ok := tempOf(name); ok {
		name = target
	}
	name, _, _ = strings.Cut(name, lockFileSuffix) // a lock that is a file, or one on its way out
	switch name {
	case indexName, writeLockName, keyLockName, passphraseKeyName, passphraseLock, fallbackMarker, noLocksMarker:
		return true
	}
	_, _, ok := identityOf(name)
	return ok
}

// tempOf returns the file that a temporary file was to become.
func tempOf(name string) (target string, ok bool) {
	rest, ok := strings.CutSuffix(name, tempSuffix)
	if !ok || len(rest) < tempRandom+2 {
		return "", false
	}
	cut := len(rest) - tempRandom
	if rest[cut-1] != '.' || !isHex(rest[cut:]) {
		return "", false
	}
	return rest[:cut-1], true
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return s != ""
}
