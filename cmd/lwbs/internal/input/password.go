package input

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// maxPasswordFile is the largest file with a password, in bytes.
const maxPasswordFile = 4 << 10

// Password reads a password from a file, or from standard input for "-": its first line, and there must be no other.
func Password(ctx context.Context, stdin io.Reader, file string) (string, error) {
	b, shown, err := Read(ctx, stdin, "password", file, maxPasswordFile)
	if err != nil {
		return "", err
	}
	line, rest, _ := bytes.Cut(b, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	switch {
	case len(line) == 0:
		return "", fmt.Errorf("password in %s is empty", shown)
	case len(bytes.TrimSpace(rest)) > 0:
		return "", fmt.Errorf("password in %s: a password is one line, and more follow", shown)
	}
	return string(line), nil
}

// ErrNoTerminal is returned where standard input is no terminal.
var ErrNoTerminal = errors.New("standard input is no terminal")

// Prompt asks for a secret once on the terminal that standard input is, without showing it.
func Prompt(ctx context.Context, out io.Writer, what string) (string, error) {
	fd := int(os.Stdin.Fd())
	if !term.IsTerminal(fd) {
		return "", ErrNoTerminal
	}
	return promptOnce(ctx, fd, out, what+": ")
}

// PromptPassword asks for a password twice on the terminal that standard input is, without showing it.
func PromptPassword(ctx context.Context, out io.Writer, what string) (string, error) {
	fd := int(os.Stdin.Fd())
	if !term.IsTerminal(fd) {
		return "", ErrNoTerminal
	}
	first, err := promptOnce(ctx, fd, out, what+": ")
	if err != nil {
		return "", err
	}
	second, err := promptOnce(ctx, fd, out, what+", once more: ")
	switch {
	case err != nil:
		return "", err
	case first != second:
		return "", errors.New("the two passwords differ: nothing was changed")
	}
	return first, nil
}

// promptOnce reads a line without echo. At an interrupt it restores the terminal.
func promptOnce(ctx context.Context, fd int, out io.Writer, prompt string) (string, error) {
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	fmt.Fprint(out, prompt)
	type line struct {
		text []byte
		err  error
	}
	read := make(chan line, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		read <- line{text, err}
	}()
	defer fmt.Fprintln(out)
	select {
	case l := <-read:
		return string(l.text), l.err
	case <-ctx.Done():
		return "", errors.Join(ctx.Err(), term.Restore(fd, before))
	}
}
