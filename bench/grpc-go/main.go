// grpc-go as one of the systems of the benches: `grpc-go server` or `grpc-go client`. Orders come as JSON lines on
// standard input, answers go as JSON lines to standard output; bench/src/processes/protocol.ts has both.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// Room for one order; a certificate is a few KiB.
const maxOrderBytes = 1 << 20

// Like every other system of the benches, and the default of grpc-go for what it receives.
const maxMessageBytes = 4 << 20

type order struct {
	Kind    string       `json:"kind"`
	Address string       `json:"address"`
	TLS     *tlsMaterial `json:"tls"`
	Work    work         `json:"work"`
	Calls   int          `json:"calls"`
	Ms      int          `json:"ms"`
}

type tlsMaterial struct {
	Authority   string `json:"authority"`
	Certificate string `json:"certificate"`
	PrivateKey  string `json:"privateKey"`
}

type work struct {
	Kind         string `json:"kind"`
	PayloadBytes int    `json:"payloadBytes"`
	InFlight     int    `json:"inFlight"`
	Messages     int    `json:"messages"`
}

type answer struct {
	Kind    string  `json:"kind"`
	Address string  `json:"address,omitempty"`
	Us      float64 `json:"us,omitempty"`
	Report  *report `json:"report,omitempty"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "grpc-go: %v\n", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return errors.New("usage: grpc-go server|client")
	}
	var obey func(order) (answer, error)
	switch os.Args[1] {
	case "server":
		obey = serverOrder
	case "client":
		obey = (&client{}).order
	default:
		return fmt.Errorf("unknown role %q", os.Args[1])
	}
	lines := bufio.NewReaderSize(os.Stdin, maxOrderBytes)
	answers := json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var next order
		if err := json.Unmarshal(line, &next); err != nil {
			return err
		}
		reply, err := obey(next)
		if err != nil {
			return fmt.Errorf("%s: %w", next.Kind, err)
		}
		if err := answers.Encode(reply); err != nil {
			return err
		}
	}
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func microseconds(d time.Duration) float64 {
	return float64(d.Nanoseconds()) / 1e3
}

func serverCredentials(material *tlsMaterial) (credentials.TransportCredentials, error) {
	if material == nil {
		return insecure.NewCredentials(), nil
	}
	certificate, err := tls.X509KeyPair([]byte(material.Certificate), []byte(material.PrivateKey))
	if err != nil {
		return nil, err
	}
	return credentials.NewServerTLSFromCert(&certificate), nil
}

func clientCredentials(material *tlsMaterial) (credentials.TransportCredentials, error) {
	if material == nil {
		return insecure.NewCredentials(), nil
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM([]byte(material.Authority)) {
		return nil, errors.New("no certificate in tls.authority")
	}
	return credentials.NewClientTLSFromCert(authorities, "localhost"), nil
}
