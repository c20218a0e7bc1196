package main

import (
	"runtime/debug"
	"testing"
)

// A build of a tagged commit has the version of the tag; one of another commit names that.
func TestVersionOfBuild(t *testing.T) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	for _, tt := range []struct{ module, revision, modified, want string }{
		{"v1.2.3", commit, "false", "v1.2.3"},
		{"v1.2.3-rc.1", commit, "false", "v1.2.3-rc.1"},
		{"v1.2.3+dirty", commit, "true", "v1.2.3+dirty"},
		{"v0.0.0-20261128231500-0123456789ab", commit, "false", "devel-0123456789ab"},
		{"v1.2.4-0.20261128231500-0123456789ab", commit, "false", "devel-0123456789ab"},
		{"v1.2.3-rc.1.0.20261128231500-0123456789ab+dirty", commit, "true", "devel-0123456789ab-dirty"},
		{"(devel)", commit, "false", "devel-0123456789ab"},
		{"(devel)", "", "", "devel"},
		{"", "", "", "devel"},
	} {
		info := &debug.BuildInfo{Main: debug.Module{Version: tt.module}}
		for key, value := range map[string]string{"vcs.revision": tt.revision, "vcs.modified": tt.modified} {
			info.Settings = append(info.Settings, debug.BuildSetting{Key: key, Value: value})
		}
		if got := builtFrom(info); got != tt.want {
			t.Errorf("%+v has the version %q", tt, got)
		}
	}
}

// The commit of a build is told in full; that of one without a record is unknown.
func TestCommitOfBuild(t *testing.T) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	for _, tt := range []struct{ revision, modified, want string }{
		{commit, "false", commit}, {commit, "true", commit + "-dirty"}, {"", "", "unknown"},
	} {
		info := &debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: tt.revision}, {Key: "vcs.modified", Value: tt.modified}}}
		if got := recordedCommit(info); got != tt.want {
			t.Errorf("%q, modified %q: %q", tt.revision, tt.modified, got)
		}
	}
	out := newShell(t).ok("version --json")
	contains(t, "as JSON", out, `"version": "`, `"commit": "`, `"go": "go1.`)
}
