package store

import (
	"errors"
	"path"
	"strings"

	"mcp-login/internal/hint"
)

const useAbsolutePath = "give the whole path; ~ and variables are not expanded"

// DefaultDir returns the directory of the user's store, absolute, for the
// operating system goos (a runtime.GOOS value) and the home directory home, ""
// when it is not known. In this order: MCP_LOGIN_DIR; mcp-login in
// XDG_STATE_HOME; mcp-login in the place for such data on that system:
//
//	Linux and the like  ~/.local/state
//	macOS               ~/Library/Application Support
//	Windows             %LOCALAPPDATA%, else ~\AppData\Local
//
// A relative XDG_STATE_HOME counts as not set (XDG Base Directory
// Specification), a relative MCP_LOGIN_DIR is an error: it would be another
// store in each working directory. Nothing on disk is looked at.
func DefaultDir(getenv func(string) string, goos, home string) (string, error) {
	if dir := getenv("MCP_LOGIN_DIR"); dir != "" {
		if !isAbs(dir, goos) {
			return "", &hint.Error{Op: "find the store's directory", Err: errors.New("MCP_LOGIN_DIR is not an absolute path"), Hint: useAbsolutePath}
		}
		return dir, nil
	}
	if dir := getenv("XDG_STATE_HOME"); isAbs(dir, goos) {
		return join(goos, dir, "mcp-login"), nil
	}
	if local := getenv("LOCALAPPDATA"); goos == "windows" && isAbs(local, goos) {
		return join(goos, local, "mcp-login"), nil
	}
	if !isAbs(home, goos) {
		return "", &hint.Error{Op: "find the store's directory", Err: errors.New("the home directory is not known"), Hint: "set MCP_LOGIN_DIR to a private directory"}
	}
	switch goos {
	case "windows":
		return join(goos, home, "AppData", "Local", "mcp-login"), nil
	case "darwin", "ios":
		return join(goos, home, "Library", "Application Support", "mcp-login"), nil
	}
	return join(goos, home, ".local", "state", "mcp-login"), nil
}

// isAbs and join judge paths of goos, which need not be the system this runs on.
func isAbs(p, goos string) bool {
	if goos != "windows" {
		return path.IsAbs(p)
	}
	p = strings.ReplaceAll(p, "/", `\`)
	if strings.HasPrefix(p, `\\`) {
		return len(p) > 2
	}
	drive := len(p) > 2 && (p[0]|0x20) >= 'a' && (p[0]|0x20) <= 'z'
	return drive && p[1:3] == `:\`
}

func join(goos string, parts ...string) string {
	if goos != "windows" {
		return path.Join(parts...)
	}
	parts[0] = strings.TrimRight(parts[0], `\/`)
	return strings.Join(parts, `\`)
}
