package wire

import (
	"fmt"
	"strings"

	"lwbs/store"
)

// MessagesDone is the answer to what is done with messages of the outbox.
type MessagesDone struct {
	Messages int `json:"messages"` // how many
}

// FormatCursor is the place of a message in a query: RECEIVER/ID.
func FormatCursor(c store.MessageCursor) string { return c.Receiver + "/" + c.ID.String() }

// ParseCursor is the reverse of FormatCursor.
func ParseCursor(text string) (c store.MessageCursor, err error) {
	end := strings.LastIndexByte(text, '/')
	if end < 1 {
		return c, fmt.Errorf("%w: after=%s is not RECEIVER/ID", ErrBadRequest, Quoted(text))
	}
	c.Receiver = text[:end]
	if c.ID, err = store.ParseMessageID(text[end+1:]); err != nil {
		return c, fmt.Errorf("%w: after=%s is not RECEIVER/ID", ErrBadRequest, Quoted(text))
	}
	return c, nil
}
