package store

// credentialSuffixes are the files in which a credential can stand, by the end of their
// names, and the kind of store that writes them.
var credentialSuffixes = map[string]Kind{sealedSuffix: KindKeyring, passphraseSuffix: KindPassphrase, plainSuffix: KindFile}

// sealedKind is the kind of the sealed files that this store reads and writes.
func (s *Store) sealedKind() Kind {
	if s.kind == KindPassphrase {
		return KindPassphrase
	}
	return KindKeyring
}

// sealedFileSuffix is the end of their names.
func (s *Store) sealedFileSuffix() string {
	if s.kind == KindPassphrase {
		return passphraseSuffix
	}
	return sealedSuffix
}

// reads reports whether this store looks at files of a kind. A store whose
// seal was asked for by name does not believe a file without one: whoever can
// write a file could otherwise put a login of his own in the place of a sealed
// one.
func (s *Store) reads(kind Kind) bool {
	if s.kind == KindAuto {
		return kind == KindFile || kind == KindKeyring
	}
	return kind == s.kind
}

// unreadReason says for people why a login of another kind is not looked at.
func (s *Store) unreadReason(kind Kind) string {
	switch {
	case kind == KindFile:
		return "kept in a plain file, which --store " + string(s.kind) + " does not take"
	case kind == KindPassphrase:
		return "kept behind a passphrase; to use it: --store passphrase"
	case s.kind == KindFile:
		return "kept behind the OS keyring, which --store file does not ask"
	}
	return "kept behind the OS keyring, which --store " + string(s.kind) + " does not ask"
}
