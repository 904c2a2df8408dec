package cli

import (
	"mcp-login/internal/hosts"
)

// clientRow is one file of a client, in config --list. Nothing in it is secret:
// of a server's arguments only the address is shown, without its query.
type clientRow struct {
	Client  string      `json:"client"`
	Title   string      `json:"title"`
	File    string      `json:"file"`
	Exists  bool        `json:"exists"`
	Servers []serverRow `json:"servers"`
	Problem string      `json:"problem,omitzero"`
}

type serverRow struct {
	Name string `json:"name"`
	// Kind is mcp-login, mcp-remote, remote or program.
	Kind    string `json:"kind"`
	Address string `json:"address,omitzero"`
	// Project is the folder that the entry is for, if it is not for all.
	Project string `json:"project,omitzero"`
}

type configListReport struct {
	SchemaVersion int         `json:"schema_version"`
	Clients       []clientRow `json:"clients"`
}

// configList shows the clients that are here: those with a file, or with a
// folder of their own.
func (a *app) configList(o configOptions, chosen []hosts.Host) error {
	rows := []clientRow{}
	for _, c := range chosen {
		for _, path := range a.hostFiles(o, c) {
			rows = append(rows, a.listOne(c, path))
		}
	}
	if o.asJSON {
		return a.term.JSON(configListReport{schemaVersion, rows})
	}
	if len(rows) == 0 {
		a.term.Note("no client found; known are %s", hostNames())
		return nil
	}
	var table [][]string
	for _, r := range rows {
		if len(r.Servers) == 0 {
			table = append(table, []string{r.Client, "", "", ""})
		}
		for _, s := range r.Servers {
			table = append(table, []string{r.Client, s.Name, s.Kind, s.Address})
		}
	}
	a.term.Table([]string{"CLIENT", "SERVER", "BY", "ADDRESS"}, table)
	remote := false
	for _, r := range rows {
		if r.Problem != "" {
			a.term.Note("%s: %s", r.File, r.Problem)
		}
		for _, s := range r.Servers {
			remote = remote || s.Kind == string(hosts.KindMCPRemote)
		}
	}
	if remote {
		a.term.Note("to make those of mcp-remote run mcp-login: mcp-login config --from-mcp-remote --write")
	}
	return nil
}

func (a *app) listOne(c hosts.Host, path string) clientRow {
	r := clientRow{Client: c.ID, Title: c.Title, File: path, Exists: hosts.ThisSystem(a.getenv).Exists(path), Servers: []serverRow{}}
	data, err := hosts.Read(path)
	if err == nil {
		var all []hosts.Server
		all, err = c.List(data)
		for _, s := range all {
			r.Servers = append(r.Servers, serverRow{Name: s.Name, Kind: string(s.Kind()), Address: s.Address(), Project: s.Project()})
		}
	}
	if err != nil {
		r.Problem = err.Error()
	}
	return r
}
