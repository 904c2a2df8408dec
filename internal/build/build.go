package build

import (
	"runtime/debug"
	"strings"
	"time"
)

// Info is what a program was built from.
type Info struct {
	Version string // Unknown where it is not known
	// Commit is the whole name of the commit, and Date is its time; both are zero where
	// they are not known.
	Commit string
	Date   time.Time
	// Modified tells that files differed from the commit.
	Modified bool
}

// Unknown is the version of a program that does not know its own, as Go calls it.
const Unknown = "(devel)"

// Of returns what this program was built from. linked is the version that was linked in,
// "" for none: then it is the one that Go has recorded.
func Of(linked string) Info {
	info, _ := debug.ReadBuildInfo()
	return of(linked, info)
}

func of(linked string, info *debug.BuildInfo) Info {
	b := Info{Version: linked}
	if info != nil {
		if b.Version == "" {
			b.Version = info.Main.Version
		}
		b.Commit, b.Modified = setting(info, "vcs.revision"), setting(info, "vcs.modified") == "true"
		b.Date, _ = time.Parse(time.RFC3339, setting(info, "vcs.time")) // zero is unknown
	}
	if b.Version == "" {
		b.Version = Unknown
	}
	return b
}

func setting(info *debug.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

// Source is the version with the commit that it was built from, for people.
func (b Info) Source() string {
	said := b.Version
	if commit := short(b.Commit); commit != "" && !strings.Contains(said, commit) {
		said += ", commit " + commit
		if b.Modified {
			said += " with changes"
		}
	}
	return said
}

// short is enough of a commit's name to find it.
func short(commit string) string { return commit[:min(12, len(commit))] }

// feed is stamped by the release build: -X MODULE/internal/build.feed=ADDRESS, where
// ADDRESS is https://api.github.com/repos/OWNER/REPOSITORY/releases/latest.
var feed string

// clientDocument is stamped in the same way with CLIENT_DOCUMENT of packaging/publisher.
var clientDocument string

// ClientDocument is the address of the client ID metadata document that the publisher
// hosts for everybody (docs/client-metadata.json), "" for none.
func ClientDocument() string { return clientDocument }

// Official reports whether a release build made this program.
func Official() bool { return feed != "" }

// Feed is the address that tells which release is the newest: of an official program
// whose publisher is known, else "".
func Feed() string {
	if strings.Contains(feed, "/OWNER/") { // nobody is named in packaging/publisher
		return ""
	}
	return feed
}
