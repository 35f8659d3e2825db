package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// identity is a certificate and its key.
type identity struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// writeCertificates makes everything new each time: nothing of it is meant to be trusted elsewhere or to last.
func writeCertificates(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	authority, err := issue(template("playground authority", 1), nil)
	if err != nil {
		return err
	}
	if err := authority.write(folder, "ca"); err != nil {
		return err
	}
	for i, name := range []string{"server", "client"} {
		leaf, err := issue(template("playground "+name, int64(i)+2), authority)
		if err != nil {
			return err
		}
		if err := leaf.write(folder, name); err != nil {
			return err
		}
	}
	return nil
}

func template(name string, serial int64) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.AddDate(1, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		// TiDB shows one certificate on both sides, as client and as server.
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:    []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
}

// issue signs a certificate for a new key. Without an issuer it is an authority's own.
func issue(cert *x509.Certificate, issuer *identity) (*identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if issuer == nil {
		cert.IsCA = true
		cert.BasicConstraintsValid = true
		cert.KeyUsage |= x509.KeyUsageCertSign
		cert.ExtKeyUsage, cert.DNSNames, cert.IPAddresses = nil, nil, nil
		issuer = &identity{cert, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, issuer.cert, &key.PublicKey, issuer.key)
	if err != nil {
		return nil, err
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &identity{signed, key}, nil
}

func (i *identity) write(folder, name string) error {
	der, err := x509.MarshalPKCS8PrivateKey(i.key)
	if err != nil {
		return err
	}
	if err := writePEM(filepath.Join(folder, name+"-key.pem"), "PRIVATE KEY", der, 0o600); err != nil {
		return err
	}
	return writePEM(filepath.Join(folder, name+".pem"), "CERTIFICATE", i.cert.Raw, 0o644)
}

func writePEM(path, kind string, der []byte, mode os.FileMode) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode)
}
