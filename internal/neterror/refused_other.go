//go:build !windows

package neterror

func isRefused(error) bool { return false }

func isUnreachable(error) bool { return false }
