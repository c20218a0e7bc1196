package command

// A reworded error has a text of its own for the error that it wraps.
type reworded struct {
	text string
	err  error
}

func (e *reworded) Error() string { return e.text }
func (e *reworded) Unwrap() error { return e.err }

// Reword returns err with another text.
func Reword(err error, text string) error { return &reworded{text, err} }
