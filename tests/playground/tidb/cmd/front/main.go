// Command front stands before a PD that is older than the TiDB that uses it: it forwards every call unchanged and
// answers itself what that PD has no answer to. It also puts TLS before a PD that has none.
package main

import (
	"bytes"
	"flag"
	"io"
	"log"
	"math"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"tifusion.dev/playground/tidb/internal/mutualtls"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:2379", "address to listen on, the one that PD advertises")
	pdAddr := flag.String("pd", "127.0.0.1:2389", "address that PD listens on")
	tlsAddr := flag.String("tls-addr", "", "address to listen on with TLS, besides")
	files := mutualtls.FromFlags()
	flag.Parse()

	backend, err := grpc.NewClient(*pdAddr,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(codec{}), grpc.MaxCallRecvMsgSize(math.MaxInt32)))
	if err != nil {
		log.Fatal(err)
	}
	failed := make(chan error, 2)
	plain := newServer(*addr, newProxy(backend, ""), newPages(*pdAddr))
	go func() { failed <- plain.ListenAndServe() }()
	if *tlsAddr != "" {
		public := "https://" + *tlsAddr
		pages := newPages(*pdAddr)
		pages.ModifyResponse = replaceURL("http://"+*addr, public)
		secure := newServer(*tlsAddr, newProxy(backend, public), pages)
		if secure.TLSConfig, err = files.ServerConfig(); err != nil {
			log.Fatal(err)
		}
		go func() { failed <- secure.ListenAndServeTLS("", "") }()
	}
	log.Fatal(<-failed)
}

// newServer returns a server of PD's gRPC and HTTP interfaces on one port.
func newServer(addr string, calls, pages http.Handler) *http.Server {
	handler := func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
			calls.ServeHTTP(w, r)
		} else {
			pages.ServeHTTP(w, r)
		}
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Addr:      addr,
		Handler:   http.HandlerFunc(handler),
		Protocols: protocols,
		HTTP2:     &http.HTTP2Config{MaxConcurrentStreams: math.MaxInt32},
	}
}

func newPages(pdAddr string) *httputil.ReverseProxy {
	return httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: pdAddr})
}

// replaceURL puts the URL that clients came in by where PD tells its own.
func replaceURL(own, public string) func(*http.Response) error {
	return func(resp *http.Response) error {
		if !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
			return nil
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		body = bytes.ReplaceAll(body, []byte(own), []byte(public))
		resp.Body = io.NopCloser(bytes.NewReader(body))
		resp.ContentLength = int64(len(body))
		resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
		return nil
	}
}
