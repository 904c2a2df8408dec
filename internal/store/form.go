package store

// forms are the files in which a credential can stand, by the end of their
// names, and the kind of store that writes them.
var forms = map[string]Kind{sealedSuffix: KindKeyring, passphraseSuffix: KindPassphrase, plainSuffix: KindFile}

// sealedKind is the kind of the sealed files that this store reads and writes.
func (s *Store) sealedKind() Kind {
	if s.kind == KindPassphrase {
		return KindPassphrase
	}
	return KindKeyring
}

// sealedForm is the end of their names.
func (s *Store) sealedForm() string {
	if s.kind == KindPassphrase {
		return passphraseSuffix
	}
	return sealedSuffix
}

// reads reports whether this store looks at files of a kind.
func (s *Store) reads(kind Kind) bool {
	return kind == KindFile || s.kind != KindFile && kind == s.sealedKind()
}

// unread says for people why a login of another kind is not looked at.
func (s *Store) unread(kind Kind) string {
	switch {
	case kind == KindPassphrase:
		return "kept behind a passphrase; to use it: --store passphrase"
	case s.kind == KindFile:
		return "kept behind the OS keyring, which --store file does not ask"
	}
	return "kept behind the OS keyring, which --store " + string(s.kind) + " does not ask"
}
