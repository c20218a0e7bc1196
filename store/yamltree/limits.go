package yamltree

import (
	"errors"

	"github.com/goccy/go-yaml/token"
)

// Limits of a file. The YAML parser recurses for each level, and some of its work grows with the
// square of the tokens, so that a small file of brackets would end the process. Files that people write need
// far less.
const (
	MaxSize   = 1 << 20 // bytes
	maxDepth  = 16      // nested values; a profile needs six
	maxTokens = 50_000  // words and punctuation; a profile has about a hundred
)

var (
	errTooDeep = errors.New("values are nested too deeply")
	errTooMuch = errors.New("the file is too large: split it")
)

// excess reports which limit a text exceeds, and on which line.
func excess(tokens token.Tokens) (line int, err error) {
	brackets, openers := 0, 0
	for _, t := range tokens {
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			brackets++
			openers++
		case token.SequenceEndType, token.MappingEndType:
			brackets--
			openers = 0
		case token.SequenceEntryType, token.MappingKeyType, token.TagType:
			openers++ // these nest when nothing stands between them
		default:
			openers = 0
		}
		if brackets > maxDepth || openers > maxDepth {
			return lineOf(t), errTooDeep
		}
	}
	if len(tokens) > maxTokens {
		return lineOf(tokens[maxTokens]), errTooMuch
	}
	return 0, nil
}
