package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports come from below the ranges out of which systems take the ports of outgoing connections, so that none of those
// is in the way between here and the start of the server.
const (
	lowestPort  = 12000
	highestPort = 30000
)

func printPorts(count string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	for range n {
		listener, err := listenSomewhere()
		if err != nil {
			return err
		}
		// Held until all are found, so that none comes twice.
		defer listener.Close()
		fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	}
	return nil
}

func listenSomewhere() (net.Listener, error) {
	var last error
	for range 1000 {
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return listener, nil
		}
		last = err
	}
	return nil, last
}
