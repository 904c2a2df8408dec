package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// certificatePause is how often it is looked whether the files have changed.
const certificatePause = 10 * time.Second

// certificate is a key pair in files that somebody renews. A pair that cannot be
// read does not replace a good one.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu     sync.Mutex
	pair   *tls.Certificate
	stamp  [2]time.Time // of the files that pair is from
	looked time.Time
}

func newCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	stamp, err := c.stamps()
	if err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("tls-cert and tls-key: %w", err)
	}
	c.pair, c.stamp, c.looked = &pair, stamp, time.Now()
	return c, nil
}

func (c *certificate) stamps() (s [2]time.Time, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return s, fmt.Errorf("tls-cert and tls-key: %w", err)
		}
		s[i] = info.ModTime()
	}
	return s, nil
}

// get is [tls.Config.GetCertificate].
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) < certificatePause {
		return c.pair, nil
	}
	c.looked = time.Now()
	stamp, err := c.stamps()
	if err == nil && stamp == c.stamp {
		return c.pair, nil
	}
	var pair tls.Certificate
	if err == nil {
		pair, err = tls.LoadX509KeyPair(c.certFile, c.keyFile)
	}
	if err != nil {
		c.log.Warn("the certificate could not be read again, the old one stays", slog.Any("error", err))
		return c.pair, nil
	}
	c.pair, c.stamp = &pair, stamp
	c.log.Info("the certificate was read again")
	return c.pair, nil
}

// expiry says when the certificate ends. Whoever asks also has it read again, as a client does.
func (c *certificate) expiry() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "whoami_certificate_expiry_timestamp_seconds", Help: "When the certificate of --tls-cert ends, in seconds since 1970.",
	}, func() float64 {
		pair, _ := c.get(nil) // there is always one
		return float64(pair.Leaf.NotAfter.Unix())
	})
}

// config is for a server. HTTP/2 is offered: a page may hold more streams then.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, GetCertificate: c.get, NextProtos: []string{"h2", "http/1.1"},
	}
}
