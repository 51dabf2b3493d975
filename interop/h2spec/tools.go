//go:build tools

// Package h2spec pins the HTTP/2 conformance suites h2spec (for servers) and h2specd (for clients). Nothing imports it;
// `npm run test:h2spec` builds the two commands.
package h2spec

import (
	_ "github.com/summerwind/h2spec/cmd/h2spec"
	_ "github.com/summerwind/h2spec/cmd/h2specd"
)
