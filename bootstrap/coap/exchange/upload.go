package exchange

import (
	"context"

	"lwbs/bootstrap/coap/message"
	"lwbs/lwm2m"
)

// upload sends the request with its payload, in blocks where it is larger than one
// (RFC 7959 §2.5, §2.9). It starts again with smaller blocks where the peer asks for
// them, and once where the peer lost the thread.
func (t *transfer) upload(ctx context.Context) (answer, error) {
	restarted := false
	for {
		t.token = newToken() // answers to an attempt before must not count for this one
		a, err := t.attempt(ctx)
		switch {
		case err != nil:
			return answer{}, err
		case a.Code == lwm2m.CodeRequestTooLarge && t.fitsInto(a.Block1):
			t.szx = a.Block1.SZX
		case a.Code == lwm2m.CodeRequestIncomplete && t.inBlocks() && !restarted:
			restarted = true
		default:
			return a, nil
		}
	}
}

// inBlocks reports whether the payload takes more than one block.
func (t *transfer) inBlocks() bool { return len(t.request.Payload) > message.BlockSize(t.szx) }

// fitsInto reports whether the block size in a 4.13 makes a difference (RFC 7959
// §2.9.3).
func (t *transfer) fitsInto(hint *message.Block) bool {
	return hint != nil && hint.SZX < t.szx && len(t.request.Payload) > hint.Size()
}

// attempt sends the payload from its beginning to its end or to the answer that ends
// it before.
func (t *transfer) attempt(ctx context.Context) (answer, error) {
	payload := t.request.Payload
	m := t.message()
	m.ContentFormat = t.request.ContentFormat
	if !t.inBlocks() {
		m.Payload = payload
		return t.exchange(ctx, m)
	}
	m.Size1 = uint32(len(payload)) // the first block says how much there will be (RFC 7959 §4)
	for offset := 0; ; m.Size1 = 0 {
		b := message.BlockAt(offset, len(payload), t.szx)
		m.Block1, m.Payload = &b, b.Of(payload)
		a, err := t.exchange(ctx, m)
		if err != nil || !b.More {
			return a, err
		}
		if !goesOn(a, b) {
			if a.Code.Success() {
				t.quirk = quirkEarlySuccess
			}
			return a, nil
		}
		offset += b.Size()
		if a.Block1 != nil && a.Block1.SZX < t.szx {
			t.szx = a.Block1.SZX // still at offset, whatever its number is now
		}
	}
}

// goesOn reports whether a, the answer to a block before the last, asks for the next:
// 2.31, or the final code of a peer that handles each block on its own (RFC 7959
// §2.3: the M bit of the answer is unset).
func goesOn(a answer, sent message.Block) bool {
	if a.Code == lwm2m.CodeContinue {
		return true
	}
	return a.Code.Success() && a.Block1 != nil && a.Block1.Num == sent.Num && !a.Block1.More
}
