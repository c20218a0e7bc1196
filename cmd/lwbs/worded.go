package main

// A worded error has a text of its own for the error that it wraps.
type worded struct {
	text string
	err  error
}

func (e *worded) Error() string { return e.text }
func (e *worded) Unwrap() error { return e.err }

// reworded returns err with another text.
func reworded(err error, text string) error { return &worded{text, err} }
