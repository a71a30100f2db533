package policy

import (
	"strings"
	"testing"

	"tailscale.com/tailcfg"
)

func TestWithAttr(t *testing.T) {
	for name, text := range map[string]string{
		"the default": Default,
		"one more":    "{\n\t// mine\n\t\"nodeAttrs\": [\n\t\t{\"target\": [\"*\"], \"attr\": [\"x\"]}, // the first\n\t],\n}",
		"empty":       "{}",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := WithAttr(text, []string{"autogroup:member"}, "funnel")
			if err != nil {
				t.Fatal(err)
			}
			p, err := Parse([]byte(got))
			if err != nil {
				t.Fatalf("%v in\n%s", err, got)
			}
			attrs := p.Attributes(alice)
			if _, ok := attrs[tailcfg.NodeAttrFunnel]; !ok {
				t.Errorf("no attribute: %v", attrs)
			}
			if _, ok := p.Attributes(web)[tailcfg.NodeAttrFunnel]; ok {
				t.Error("a tagged node has it")
			}
			for line := range strings.Lines(text) {
				if _, comment, ok := strings.Cut(line, "//"); ok && !strings.Contains(got, strings.TrimSpace(comment)) {
					t.Errorf("lost: %s", comment)
				}
			}
		})
	}
}
