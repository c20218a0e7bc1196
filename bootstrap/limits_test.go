package bootstrap_test

import (
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A request that a limit refuses is refused before there is any work: neither is the profile
// looked up, nor are keys made.
func TestLimitsAreAskedFirst(t *testing.T) {
	profile := store.Profile{Name: "p", Accounts: []store.Account{{Name: "a", URI: "coaps://a.example", ShortServerID: 101}}}
	ask := bootstrap.Request{Method: bootstrap.POST, Path: []string{"bs"}, Queries: []string{"ep=dev"}}
	tests := []struct {
		name  string
		cfg   bootstrap.Config
		reach func(server *bootstrap.Server) // the limit
		cause store.Cause
	}{
		{"about to stop", bootstrap.Config{}, func(server *bootstrap.Server) { server.Refuse() }, store.CauseStopped},
		{"rate-limited", bootstrap.Config{LoopLimit: 1}, func(server *bootstrap.Server) {
			bootstrapOnce(t, server, newScriptedClient(nil), false)
			waitIdle(t, server)
		}, store.CauseRateLimited},
		{"as many sessions as may be", bootstrap.Config{MaxSessions: 1, SessionTimeout: 4 * time.Minute}, func(server *bootstrap.Server) {
			c := newScriptedClient(map[string][]any{"GET /": {endless{}}})
			c.identity = "id-other"
			_, after := server.ServeRequest(t.Context(), c, bootstrap.Request{Method: bootstrap.POST, Path: []string{"bs"}, Queries: []string{"ep=other"}})
			go after(t.Context())
		}, store.CauseBusy},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			db := openBrittle(t, profile)
			_, err := db.PutDevice(t.Context(), store.Device{Endpoint: "other", Profile: "p", Credentials: []store.Credential{
				{Kind: store.CredentialPSK, Identity: "id-other", Key: lwm2m.NewSecret([]byte("k"))},
			}})
			check(t, err)
			ended := make(chan store.Session, 10)
			tt.cfg.Store = db
			tt.cfg.Observe = func(e bootstrap.Event) {
				if e.Kind == bootstrap.EventEnded {
					ended <- e.Session
				}
			}
			server, err := bootstrap.NewServer(tt.cfg)
			check(t, err)
			tt.reach(server)
			for len(ended) > 0 {
				<-ended
			}
			db.set("Profile") // panics from now on
			resp, after := server.ServeRequest(t.Context(), newScriptedClient(nil), ask)
			if s := <-ended; resp.Code != lwm2m.CodeServiceUnavailable || after != nil || s.Cause != tt.cause || s.Endpoint != "dev" {
				t.Errorf("answered %v, session %+v", resp.Code, s)
			}
			db.set("")
			check(t, server.Close())
		})
	}
}
