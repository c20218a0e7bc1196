package coap

import (
	"context"
	"fmt"

	"lwbs/bootstrap"
)

// download fetches what is missing of an answer whose first block is a (RFC 7959
// §2.4). An answer with another code ends it and stands for itself.
func (t *transfer) download(ctx context.Context, a answer) (answer, error) {
	limit := maxBody
	if n := t.request.MaxAnswer; n > 0 {
		limit = min(n, maxBody)
	}
	if a.block2 == nil || !a.block2.more && a.block2.num == 0 {
		if len(a.payload) > limit {
			return answer{}, tooLarge(limit)
		}
		return a, nil
	}
	first, body := a, []byte(nil)
	for {
		if err := checkBlock(a, first, len(body)); err != nil {
			return answer{}, err
		}
		body = append(body, a.payload...)
		if len(body) > limit || a.block2.more && len(body) == limit { // more is not fetched
			return answer{}, tooLarge(limit)
		}
		if !a.block2.more {
			a.payload = body
			return a, nil
		}
		next := blockAt(len(body), 0, a.block2.szx)
		m := t.message()
		m.block2 = &next
		var err error
		if a, err = t.exchange(ctx, m); err != nil || a.code != first.code {
			return a, err
		}
	}
}

func tooLarge(limit int) error {
	return fmt.Errorf("%w: more than %d bytes", bootstrap.ErrAnswerTooLarge, limit)
}

// checkBlock reports why a cannot be what follows the length bytes received so far,
// of which first was the first block.
func checkBlock(a, first answer, length int) error {
	b := a.block2
	switch {
	case b == nil:
		return fmt.Errorf("%w: no Block2 option in the answer to a request with one", bootstrap.ErrGarbled)
	case b.szx > maxSZX:
		return fmt.Errorf("%w: block size exponent %d", bootstrap.ErrGarbled, b.szx)
	case b.offset() != length:
		return fmt.Errorf("%w: block at %d instead of %d", bootstrap.ErrGarbled, b.offset(), length)
	case b.more && len(a.payload) != b.size(), len(a.payload) > b.size():
		return fmt.Errorf("%w: %d bytes in a block of %d", bootstrap.ErrGarbled, len(a.payload), b.size())
	case a.etag != first.etag:
		return fmt.Errorf("%w: the resource changed in between", bootstrap.ErrGarbled)
	}
	return nil
}
