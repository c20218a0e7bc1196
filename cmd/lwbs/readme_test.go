package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"strings"
	"testing"
)

// Who has a clone and the README alone reaches the page with a password in two commands.
func TestPageInTwoCommands(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(readme), "## In a browser")
	if !ok {
		t.Fatal("README.md has no such section")
	}
	_, block, _ := strings.Cut(section, "```\n")
	block, _, _ = strings.Cut(block, "```")
	var commands []string
	for line := range strings.Lines(block) {
		if command, is := strings.CutPrefix(line, "$ go run ./cmd/lwbs "); is {
			commands = append(commands, strings.TrimSpace(command))
		}
	}
	if len(commands) != 2 || !strings.HasPrefix(commands[1], "serve ") {
		t.Fatalf("the commands are %q", commands)
	}
	sh := newShell(t)
	out := sh.ok(commands[0])
	_, password, _ := strings.Cut(out, "password: ")
	printed := sh.serve(strings.Fields(strings.Replace(strings.TrimPrefix(commands[1], "serve "), ":8080", ":0", 1))...)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.PostForm(addressIn(printed, webPages)+"/login", url.Values{"name": {"ada"}, "password": {strings.TrimSpace(password)}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(page), "Logged in as ada") {
		t.Errorf("%d, %v: %.500s", resp.StatusCode, err, page)
	}
}
