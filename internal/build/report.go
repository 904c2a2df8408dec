package build

import (
	"fmt"
	"runtime"
	"time"
)

// Report is what "version --json" prints, of both programs.
type Report struct {
	SchemaVersion int       `json:"schema_version"`
	Version       string    `json:"version"`
	Commit        string    `json:"commit,omitzero"`
	Date          time.Time `json:"date,omitzero"` // of the commit
	Modified      bool      `json:"modified"`      // files differed from it
	Channel       Channel   `json:"channel"`
	OS            string    `json:"os"`
	Arch          string    `json:"arch"`
	Go            string    `json:"go"`
	Outdated      string    `json:"outdated,omitempty"` // what is wrong with that Go
}

// ReportOf describes the program of this name, see [Of] and [ChannelOf].
func ReportOf(name, linked string, getenv func(string) string) Report {
	b := Of(linked)
	return Report{1, b.Version, b.Commit, b.Date, b.Modified, ChannelOf(name, getenv), runtime.GOOS, runtime.GOARCH, runtime.Version(), Outdated()}
}

// String is the report in one line, behind the program's name.
func (r Report) String() string {
	said := fmt.Sprintf("%s %s/%s %s", r.Version, r.OS, r.Arch, r.Go)
	if r.Commit != "" {
		said += " commit " + short(r.Commit)
	}
	if !r.Date.IsZero() {
		said += " of " + r.Date.Format(time.DateOnly)
	}
	if r.Modified {
		said += ", modified"
	}
	return said + " (" + string(r.Channel) + ")"
}
