//go:build unix && !linux

package store

func systemHelpers() map[string]func([]string) error {
	return map[string]func([]string) error{"umask": helperUmask}
}
