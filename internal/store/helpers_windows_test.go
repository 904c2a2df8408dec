package store

func systemHelpers() map[string]func([]string) error { return nil }
