//go:build !windows

package reach

func isRefused(error) bool { return false }

func isUnreachable(error) bool { return false }
