// Command kit does for the playground's script what a shell cannot do alone: it picks ports, makes certificates and
// asks once whether a server answers.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	_ "github.com/go-sql-driver/mysql"
)

const usage = `usage:
  kit ports COUNT             print free loopback ports, one a line
  kit certs FOLDER            write an authority and the certificates of a server and a client
  kit tcp ADDRESS             succeed if the address accepts connections
  kit http URL                succeed if the URL answers 200
  kit sql ADDRESS STATEMENT…  succeed if TiDB executes each statement`

// patience is for one question; the script repeats it as long as it sees fit.
const patience = 30 * time.Second

func main() {
	if len(os.Args) < 3 {
		fail(usage)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := run(ctx, os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fail(err)
	}
}

func fail(reason any) {
	fmt.Fprintln(os.Stderr, reason)
	os.Exit(1)
}

func run(ctx context.Context, command, argument string, rest []string) error {
	switch command {
	case "ports":
		return printPorts(argument)
	case "certs":
		return writeCertificates(argument)
	case "tcp":
		return askTCP(ctx, argument)
	case "http":
		return askHTTP(ctx, argument)
	case "sql":
		return askSQL(ctx, argument, rest)
	}
	return fmt.Errorf("no such command: %s\n%s", command, usage)
}

func askTCP(ctx context.Context, addr string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	return conn.Close()
}

func askHTTP(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	return nil
}

func askSQL(ctx context.Context, addr string, statements []string) error {
	db, err := sql.Open("mysql", "root@tcp("+addr+")/")
	if err != nil {
		return err
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}
