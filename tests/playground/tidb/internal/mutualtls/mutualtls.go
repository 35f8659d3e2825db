// Package mutualtls holds the server side of the playground's TLS: as in a cluster that is set up by the book, each
// side shows a certificate of the same authority.
package mutualtls

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"os"
)

// Files names the PEM files of one server.
type Files struct {
	CA, Cert, Key string
}

// FromFlags registers the flags that name the files.
func FromFlags() *Files {
	files := new(Files)
	flag.StringVar(&files.CA, "tls-ca", "", "PEM file of the authority that clients must be signed by")
	flag.StringVar(&files.Cert, "tls-cert", "", "PEM file of the server's certificate")
	flag.StringVar(&files.Key, "tls-key", "", "PEM file of the server's private key")
	return files
}

// Given reports whether any file was named.
func (f *Files) Given() bool {
	return f.CA != "" || f.Cert != "" || f.Key != ""
}

// ServerConfig returns a configuration that refuses clients without a certificate of the authority.
func (f *Files) ServerConfig() (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, fmt.Errorf("load the server's certificate: %w", err)
	}
	pem, err := os.ReadFile(f.CA)
	if err != nil {
		return nil, fmt.Errorf("load the authority: %w", err)
	}
	authority := x509.NewCertPool()
	if !authority.AppendCertsFromPEM(pem) {
		return nil, errors.New("no certificate in " + f.CA)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{cert},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    authority,
		MinVersion:   tls.VersionTLS12,
	}, nil
}
