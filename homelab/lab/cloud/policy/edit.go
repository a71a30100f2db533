package policy

import (
	"encoding/json"
	"fmt"

	"github.com/tailscale/hujson"
)

// WithAttr is the policy's text with one more entry in nodeAttrs; comments stay where they are.
func WithAttr(text string, target []string, attr string) (string, error) {
	v, err := hujson.Parse([]byte(text))
	if err != nil {
		return "", err
	}
	entry, err := json.Marshal(map[string][]string{"target": target, "attr": {attr}})
	if err != nil {
		return "", err
	}
	op := `[{"op": "add", "path": "/nodeAttrs/-", "value": %s}]`
	if v.Find("/nodeAttrs") == nil {
		op = `[{"op": "add", "path": "/nodeAttrs", "value": [%s]}]`
	}
	if err := v.Patch(fmt.Appendf(nil, op, entry)); err != nil {
		return "", err
	}
	v.Format() // else the entry would stand in the file's last line
	return v.String(), nil
}
