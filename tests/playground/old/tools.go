//go:build tools

// Package tools keeps the program that the playground builds from this module in its list of requirements.
package tools

import _ "github.com/pingcap/tidb/tidb-server"
