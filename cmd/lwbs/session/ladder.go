package session

import (
	"fmt"
	"io"
	"strings"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// ladderWidth is the space between the two sides of a ladder, in characters.
const ladderWidth = 60

// printLadder draws the messages of a session, the server at the right, as far as the history has
// them: the request of the device, and each operation with its answer.
func printLadder(out io.Writer, s store.Session) {
	if len(s.Operations) == 0 {
		return
	}
	fmt.Fprintf(out, "  device%*s\n", ladderWidth, "lwbs")
	if s.Operations[0].Op == lwm2m.OpPack {
		fmt.Fprintf(out, "    %s\n    %s\n", toServer("GET /bspack"), toDevice(packAnswer(s.Operations[0])))
		return
	}
	fmt.Fprintf(out, "    %s\n    %s\n", toServer("POST /bs"), toDevice(lwm2m.CodeChanged.String()))
	for _, o := range s.Operations {
		answer, behind := operationAnswer(o)
		fmt.Fprintf(out, "    %s\n", toDevice(operationText(o)))
		line := toServer(answer)
		if o.Error != "" {
			line = "|" + strings.Repeat(" ", 4) + "✗ " + answer
		}
		fmt.Fprintf(out, "    %s  %s\n", line, behind)
	}
}

// toServer and toDevice are an arrow with a text on it.
func toServer(text string) string { return "|-- " + text + " " + dashes(text) + ">|" }
func toDevice(text string) string { return "|<- " + text + " " + dashes(text) + "-|" }

func dashes(text string) string {
	return strings.Repeat("-", max(1, ladderWidth-len([]rune(text))-8))
}

// operationText is the request of an operation.
func operationText(o store.Operation) string {
	text := string(o.Op)
	if o.Op != lwm2m.OpFinish {
		text += " " + o.Path.String()
	}
	if o.Op == lwm2m.OpWrite {
		text += fmt.Sprintf(" %v, %d bytes", o.Format, o.Bytes)
	}
	if o.Repeated > 0 {
		text += fmt.Sprintf(" (%d times, while it waited)", o.Repeated+1)
	}
	if o.Transmissions > 1 {
		text += fmt.Sprintf(" (%d transmissions)", o.Transmissions)
	}
	return text
}

// operationAnswer is the answer to an operation, and what stands behind it.
func operationAnswer(o store.Operation) (answer, behind string) {
	answer = o.Code.String()
	if o.Error != "" {
		answer = o.Error
	}
	if o.Op != lwm2m.OpWrite && o.Format != 0 {
		answer += fmt.Sprintf(", %v, %d bytes", o.Format, o.Bytes)
	}
	behind = o.Took.Round(100 * time.Microsecond).String()
	if o.Diagnostic != "" {
		behind += fmt.Sprintf(" %q", o.Diagnostic)
	}
	if o.Tolerated {
		behind += " (tolerated)"
	}
	return answer, behind
}

// packAnswer is the answer of the server to a request for a pack.
func packAnswer(o store.Operation) string {
	if o.Code == 0 {
		return "pack"
	}
	return fmt.Sprintf("%v %v, %d bytes", o.Code, o.Format, o.Bytes)
}
