package admin_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"lwbs/bootstrap/admin"
	"lwbs/store"
)

// An LwM2M Server is edited, shown and removed; its secrets are shown only where that is asked for.
func TestLwM2MServers(t *testing.T) {
	bothWays(t, func(t *testing.T, api admin.API) {
		ctx := t.Context()
		added, err := api.AddLwM2MServer(ctx, "dm", admin.LwM2MServerSettings{
			Kind: new(store.KindWebhook), Address: new("https://dm.example/hook"), Headers: map[string]*string{"x-token": new("t0psecret")},
		})
		if err != nil || !strings.HasPrefix(added.Secret, "whsec_") || added.Headers["X-Token"] != "" || len(added.Profiles) != 0 {
			t.Fatalf("%+v, %v", added, err)
		}
		again, err := api.SetLwM2MServer(ctx, "dm", added.Revision, admin.LwM2MServerSettings{GenerateSecret: true, Headers: map[string]*string{"X-Token": nil, "X-Two": new("2")}})
		if err != nil || again.Secret == added.Secret || !again.HasFormer || again.Former != "" || len(again.Headers) != 1 {
			t.Fatalf("%+v, %v", again, err)
		}
		_, err = api.SetLwM2MServer(ctx, "dm", added.Revision, admin.LwM2MServerSettings{DropFormer: true})
		if !errors.Is(err, store.ErrConflict) {
			t.Errorf("with an old revision: %v", err)
		}
		hidden, err := api.LwM2MServer(ctx, "dm", false)
		if b, _ := json.Marshal(hidden); err != nil || strings.Contains(string(b), "whsec_") || hidden.Headers["X-Two"] != "" {
			t.Errorf("%s, %v", b, err)
		}
		shown, err := api.LwM2MServer(ctx, "dm", true)
		if err != nil || shown.Secret != again.Secret || shown.Former != added.Secret || shown.Headers["X-Two"] != "2" {
			t.Errorf("%+v, %v", shown, err)
		}
		for told, set := range map[string]admin.LwM2MServerSettings{
			"its kind is webhook": {Kind: new(store.KindLeshan)},
			"two secrets":         {Secret: []byte(strings.Repeat("n", 24))},
			"no http or https":    {Address: new("ftp://dm.example")},
		} {
			if _, err := api.SetLwM2MServer(ctx, "dm", 0, set); !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), told) {
				t.Errorf("%s: %v", told, err)
			}
		}
		warned, err := api.AddLwM2MServer(ctx, "plain", admin.LwM2MServerSettings{Kind: new(store.KindLeshan), Address: new("http://dm.example")})
		if err != nil || len(warned.Warnings) != 1 || !strings.Contains(warned.Warnings[0], "in clear") {
			t.Errorf("%+v, %v", warned, err)
		}

		p := store.Profile{Name: "p", Accounts: []store.Account{{Name: "main", URI: "coaps://dm.example", ShortServerID: 1, HandOver: "nope"}}}
		for _, o := range []admin.ApplyOptions{{}, {DryRun: true}} {
			if _, err := api.ApplyProfile(ctx, p, o); err == nil || !strings.Contains(err.Error(), `accounts[0].handOver: there is no LwM2M Server "nope"`) {
				t.Errorf("profile with an unknown server: %v", err)
			}
		}
		p.Accounts[0].HandOver = "dm"
		if _, err := api.ApplyProfile(ctx, p, admin.ApplyOptions{}); err != nil {
			t.Error(err)
		}
		all, err := api.LwM2MServers(ctx)
		if err != nil || len(all) != 2 || all[0].Name != "dm" || len(all[0].Profiles) != 1 || all[0].Secret != "" {
			t.Errorf("%+v, %v", all, err)
		}
		if err := api.DeleteLwM2MServer(ctx, "dm", 0); !errors.Is(err, store.ErrInUse) {
			t.Errorf("delete what a profile names: %v", err)
		}
		if err := api.DeleteLwM2MServer(ctx, "plain", 0); err != nil {
			t.Error(err)
		}
	})
}

// A test of a server tells how it ended.
func TestTestOfLwM2MServer(t *testing.T) {
	bothWays(t, func(t *testing.T, api admin.API) {
		answer := http.StatusOK
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(answer) }))
		defer web.Close()
		if _, err := api.AddLwM2MServer(t.Context(), "dm", admin.LwM2MServerSettings{Kind: new(store.KindLeshan), Address: &web.URL}); err != nil {
			t.Fatal(err)
		}
		for status, told := range map[int]string{http.StatusOK: "", http.StatusForbidden: "403 Forbidden"} {
			answer = status
			got, err := api.TestLwM2MServer(t.Context(), "dm")
			if err != nil || (got.Failure == "") != (told == "") || !strings.Contains(got.Failure, told) {
				t.Errorf("%+v, %v", got, err)
			}
		}
		if _, err := api.TestLwM2MServer(t.Context(), "nope"); !errors.Is(err, store.ErrNotFound) {
			t.Error(err)
		}
	})
}
