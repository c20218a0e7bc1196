package server

import (
	"net/http"
	"net/http/pprof"
)

// profileProcess and profileIndex tell what the server spends its time and memory on. Profiles name functions
// and count them; they hold no values, and so no secrets.
func (s *Server) profileProcess(w http.ResponseWriter, r *http.Request) { pprof.Profile(w, r) }

// profileIndex has heap, goroutine and so on.
func (s *Server) profileIndex(w http.ResponseWriter, r *http.Request) { pprof.Index(w, r) }
