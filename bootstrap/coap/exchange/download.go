package exchange

import (
	"context"
	"fmt"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap/message"
)

// download fetches what is missing of an answer whose first block is a (RFC 7959
// §2.4). An answer with another code ends it and stands for itself.
func (t *transfer) download(ctx context.Context, a answer) (answer, error) {
	limit := message.MaxBody
	if n := t.request.MaxAnswer; n > 0 {
		limit = min(n, message.MaxBody)
	}
	if a.Block2 == nil || !a.Block2.More && a.Block2.Num == 0 {
		if len(a.Payload) > limit {
			return answer{}, tooLarge(limit)
		}
		return a, nil
	}
	first, body := a, []byte(nil)
	for {
		if err := checkBlock(a, first, len(body)); err != nil {
			return answer{}, err
		}
		body = append(body, a.Payload...)
		if len(body) > limit || a.Block2.More && len(body) == limit { // more is not fetched
			return answer{}, tooLarge(limit)
		}
		if !a.Block2.More {
			a.Payload = body
			return a, nil
		}
		next := message.BlockAt(len(body), 0, a.Block2.SZX)
		m := t.message()
		m.Block2 = &next
		var err error
		if a, err = t.exchange(ctx, m); err != nil || a.Code != first.Code {
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
	b := a.Block2
	switch {
	case b == nil:
		return fmt.Errorf("%w: no Block2 option in the answer to a request with one", bootstrap.ErrBlockWise)
	case b.SZX > message.MaxSZX:
		return fmt.Errorf("%w: block size exponent %d", bootstrap.ErrBlockWise, b.SZX)
	case b.Offset() != length:
		return fmt.Errorf("%w: block at %d instead of %d", bootstrap.ErrBlockWise, b.Offset(), length)
	case b.More && len(a.Payload) != b.Size(), len(a.Payload) > b.Size():
		return fmt.Errorf("%w: %d bytes in a block of %d", bootstrap.ErrBlockWise, len(a.Payload), b.Size())
	case a.ETag != first.ETag:
		return fmt.Errorf("%w: the resource changed in between", bootstrap.ErrBlockWise)
	}
	return nil
}
