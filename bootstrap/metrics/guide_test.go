package metrics_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docs/operations.md tells of every metric of ours and of no other, with labels that they
// have.
func TestGuideNamesWhatThereIs(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	there := series(scrape(t, eventful()))
	told := make(map[string]bool)
	for _, m := range regexp.MustCompile("`(lwbs_[a-z_]+)(?:\\{([a-z,]+)\\})?`").FindAllStringSubmatch(string(text), -1) {
		name := m[1]
		labels := there[name]
		if labels == nil {
			labels = there[name+"_count"] // a histogram
		}
		if labels == nil {
			t.Errorf("docs/operations.md: there is no metric %s", name)
			continue
		}
		told[name] = true
		if m[2] == "" {
			continue
		}
		for label := range strings.SplitSeq(m[2], ",") {
			if !labels[label] {
				t.Errorf("docs/operations.md: %s has no label %s", name, label)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(there)) {
		family := regexp.MustCompile(`_(bucket|count|sum)$`).ReplaceAllString(name, "")
		if strings.HasPrefix(name, "lwbs_") && !told[family] {
			t.Errorf("docs/operations.md does not tell of %s", family)
		}
	}
}
