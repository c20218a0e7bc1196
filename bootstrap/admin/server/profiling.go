package server

import (
	"net/http"
	"net/http/pprof"
)

// profiling tells what the server spends its time and memory on. Profiles name functions
// and count them; they hold no values, and so no secrets.
var profiling = map[string]http.HandlerFunc{
	"GET /debug/pprof/profile": pprof.Profile,
	"GET /debug/pprof/{name}":  pprof.Index, // heap, goroutine and so on
}
