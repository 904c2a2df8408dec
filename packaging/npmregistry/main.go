package main

import (
	"fmt"
	"log"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: npmregistry ADDRESS-FILE")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	r := &registry{address: "http://" + listener.Addr().String(), packages: map[string]*document{}}
	// In one step: who waits for the file must not read half of it.
	if err := os.WriteFile(os.Args[1]+".new", []byte(r.address+"\n"), 0o644); err != nil {
		log.Fatal(err)
	}
	if err := os.Rename(os.Args[1]+".new", os.Args[1]); err != nil {
		log.Fatal(err)
	}
	server := http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.Serve(listener))
}

// document is a package as npm publishes it and reads it.
type document struct {
	Name     string                    `json:"name"`
	Tags     map[string]string         `json:"dist-tags"`
	Versions map[string]map[string]any `json:"versions"`
	Files    map[string]*attachment    `json:"_attachments,omitempty"`
}

type attachment struct {
	Data []byte `json:"data"` // base64 in JSON
}

type registry struct {
	address  string
	mu       sync.Mutex
	packages map[string]*document
}

func (r *registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name, file, isFile := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/-/")
	kept := r.packages[name]
	switch {
	case req.Method == http.MethodPut && !isFile:
		var sent document
		if err := json.UnmarshalRead(http.MaxBytesReader(w, req.Body, 64<<20), &sent); err != nil || sent.Name != name {
			http.Error(w, `{"error":"this is no package"}`, http.StatusBadRequest)
			return
		}
		r.keep(&sent)
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte(`{"ok":true}`))
	case req.Method == http.MethodGet && kept != nil && isFile && kept.Files[file] != nil:
		fmt.Println(file)
		_, _ = w.Write(kept.Files[file].Data)
	case req.Method == http.MethodGet && kept != nil && !isFile:
		w.Header().Set("Content-Type", "application/json")
		_ = json.MarshalWrite(w, document{kept.Name, kept.Tags, kept.Versions, nil})
	default:
		http.Error(w, `{"error":"not found"}`, http.StatusNotFound)
	}
}

// keep adds what was published to what there is of the package.
func (r *registry) keep(sent *document) {
	for attached, content := range sent.Files {
		// npm writes the scope in front, and asks for the name without it.
		delete(sent.Files, attached)
		sent.Files[path.Base(attached)] = content
	}
	for version, about := range sent.Versions {
		if d, ok := about["dist"].(map[string]any); ok {
			d["tarball"] = fmt.Sprintf("%s/%s/-/%s-%s.tgz", r.address, strings.ReplaceAll(url.PathEscape(sent.Name), "%2F", "/"), path.Base(sent.Name), version)
		}
	}
	kept := r.packages[sent.Name]
	if kept == nil {
		r.packages[sent.Name] = sent
		return
	}
	maps.Copy(kept.Tags, sent.Tags)
	maps.Copy(kept.Versions, sent.Versions)
	maps.Copy(kept.Files, sent.Files)
}
