package adminapi

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/tailscale/hujson"

	"homelab/cloud/policy"
	"homelab/cloud/tailnet"
)

func (a *API) policy(on func(pattern, scope string, h handler)) {
	const scope = "policy_file"
	on("GET /api/v2/tailnet/{tailnet}/acl", scope, func(c *call) (any, error) {
		return policyText(c, a.net.View())
	})
	on("POST /api/v2/tailnet/{tailnet}/acl", scope, a.setPolicy)
	on("POST /api/v2/tailnet/{tailnet}/acl/validate", scope+":read", a.validate)
	on("POST /api/v2/tailnet/{tailnet}/acl/preview", scope+":read", preview)
}

// ETag identifies a version of the policy.
func ETag(text string) string { return fmt.Sprintf(`"%x"`, sha256.Sum256([]byte(text))) }

// policyText answers with the policy, comments and all, or as plain JSON if the client wants that.
func policyText(c *call, st *tailnet.State) (any, error) {
	c.w.Header().Set("ETag", ETag(st.PolicyText))
	if c.r.URL.Query().Has("details") {
		var warnings []string
		for _, n := range st.Policy().Notes {
			warnings = append(warnings, n.String())
		}
		return map[string]any{"acl": base64.StdEncoding.EncodeToString([]byte(st.PolicyText)), "warnings": list(warnings), "errors": nil}, nil
	}
	if c.r.Header.Get("Accept") == "application/json" {
		std, err := hujson.Standardize([]byte(st.PolicyText))
		if err != nil {
			return nil, err
		}
		return raw(std), nil
	}
	c.w.Header().Set("Content-Type", "application/hujson")
	return raw(st.PolicyText), nil
}

// parse understands the policy, or says what is wrong with it as the API does.
func parse(text []byte) (*policy.Policy, error) {
	p, err := policy.Parse(text)
	var failed *policy.TestsFailed
	switch {
	case errors.As(err, &failed):
		return nil, &Error{Status: http.StatusBadRequest, Message: "test(s) failed", Data: failed.Results}
	case err != nil:
		return nil, badRequest("%v", err)
	}
	return p, nil
}

func (a *API) setPolicy(c *call) (any, error) {
	p, err := parse(c.body)
	if err != nil {
		return nil, err
	}
	match := c.r.Header.Get("If-Match")
	err = a.net.Update(func(s *tailnet.State) error {
		if !matches(match, s.PolicyText) {
			return &Error{Status: http.StatusPreconditionFailed, Message: "precondition failed, invalid old hash: the policy was changed in between"}
		}
		s.SetPolicy(string(c.body), p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return policyText(c, a.net.View())
}

// matches tells whether an If-Match header names the policy in force; "ts-default" is the one of a new tailnet.
func matches(header, text string) bool {
	switch strings.Trim(header, `"`) {
	case "", "*":
		return true
	case "ts-default":
		return text == policy.Default
	}
	return strings.Trim(header, `"`) == strings.Trim(ETag(text), `"`)
}

// validate looks at a policy, or (a list) runs tests on the policy in force. What is wrong is
// told in an answer of status 200, as the real API does.
func (a *API) validate(c *call) (any, error) {
	var err error
	if strings.HasPrefix(strings.TrimSpace(string(c.body)), "[") {
		err = a.net.View().Policy().RunTests(c.body)
	} else {
		_, err = policy.Parse(c.body)
	}
	var failed *policy.TestsFailed
	switch {
	case err == nil:
		return nil, nil
	case errors.As(err, &failed):
		return map[string]any{"message": "test(s) failed", "data": failed.Results}, nil
	}
	return map[string]any{"message": err.Error()}, nil
}

// preview tells which rules of a policy concern a person or an address.
func preview(c *call) (any, error) {
	p, err := parse(c.body)
	if err != nil {
		return nil, err
	}
	kind, about := c.r.URL.Query().Get("type"), c.r.URL.Query().Get("previewFor")
	matches, err := p.Preview(kind, about)
	if err != nil {
		return nil, badRequest("%v", err)
	}
	return map[string]any{"type": kind, "previewFor": about, "matches": list(matches)}, nil
}
