package wire

import "lwbs/bootstrap/admin"

// BatchMedia is the media type of a batch. It travels as one request of JSON lines, an [admin.BatchRow] in each, and is answered by JSON
// lines while it is read: an [admin.BatchResult] for each row, and a [BatchEnd] at last. Without that
// the answer was cut.
const BatchMedia = "application/jsonl"

// A BatchEnd is the last line of the answer.
type BatchEnd struct {
	Rows    int      `json:"rows"`              // that there are results of
	Problem *Problem `json:"problem,omitempty"` // why there are no more; nil where all were put
}

// A BatchLine is a line of the answer, either of the two.
type BatchLine struct {
	admin.BatchResult
	End *BatchEnd `json:"end,omitempty"`
}
