package policy

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// Every fault names its line and column and says what to do.
func TestFaults(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"empty":             {" \n", "line 1, column 1: the policy is empty (the smallest one, which lets nothing through, is {})"},
		"binary":            {"{\x00}", "line 1, column 1: the policy is no text in UTF-8 (is this the right file?)"},
		"too deep":          {"{\"groups\": /* [[ */ \"[\",\n" + strings.Repeat("[", 60), "line 2, column 50: the policy is nested too deeply"},
		"a list":            {"[]", `the policy must be an object, and is a list`},
		"cut off":           {"{\n  \"grants\": [\n", "line 3, column 1: "},
		"missing comma":     {"{\n  \"groups\": {}\n  \"hosts\": {}\n}", "line 3, column 3: "},
		"unknown section":   {"{\n  \"grantz\": []\n}", `line 2, column 3: a policy has no key "grantz" (did you mean "grants"?)`},
		"section twice":     {"{\"hosts\": {},\n\"hosts\": {}}", `line 2, column 1: "hosts" comes twice in a policy`},
		"unknown grant key": {`{"grants": [{"src": ["*"], "dst": ["*"], "port": ["*"]}]}`, `line 1, column 42: a grant has no key "port"`},
		"nothing granted":   {`{"grants": [{"src": ["*"], "dst": ["*"]}]}`, "neither ip nor app"},
		"no dst":            {`{"grants": [{"src": ["*"], "ip": ["*"]}]}`, `a grant has no "dst" (add it)`},
		"undefined group":   {`{"grants": [{"src": ["group:x"], "dst": ["*"], "ip": ["*"]}]}`, `column 22: group:x is not in groups (define it: "groups": {"group:x": `},
		"misspelt group":    {"{\"groups\": {\"group:family\": []},\n\"grants\": [{\"src\": [\"group:famly\"], \"dst\": [\"*\"], \"ip\": [\"*\"]}]}", `line 2, column 21: group:famly is not in groups (did you mean "group:family"?)`},
		"undefined tag":     {`{"acls": [{"action": "accept", "src": ["*"], "dst": ["tag:web:80"]}]}`, "tag:web is not in tagOwners"},
		"undefined host":    {`{"acls": [{"action": "accept", "src": ["nas"], "dst": ["*:*"]}]}`, `"nas" is not in hosts`},
		"bad tag name":      {`{"tagOwners": {"tag:1x": []}}`, `"tag:1x" is no name of a tag`},
		"bad group name":    {`{"groups": {"friends": []}}`, `"friends" is no name of a group (such as "group:family")`},
		"group in group":    {`{"groups": {"group:a": [], "group:b": ["group:a"]}}`, "group:b holds a group; groups hold people"},
		"no person":         {`{"groups": {"group:a": ["bob"]}}`, `group:a holds "bob", which is no person`},
		"bad port":          {`{"grants": [{"src": ["*"], "dst": ["*"], "ip": ["tcp:99999"]}]}`, `"99999" is no port`},
		"backwards ports":   {`{"grants": [{"src": ["*"], "dst": ["*"], "ip": ["90-80"]}]}`, "the ports 90-80 run backwards"},
		"bad protocol":      {`{"grants": [{"src": ["*"], "dst": ["*"], "ip": ["tpc:80"]}]}`, `"tpc" is no protocol (did you mean "tcp"?)`},
		"acl without ports": {`{"acls": [{"action": "accept", "src": ["*"], "dst": ["100.64.0.7"]}]}`, `"100.64.0.7" says no ports (write 100.64.0.7:* for all of them)`},
		"tag without ports": {`{"tagOwners": {"tag:a": []}, "acls": [{"action": "accept", "src": ["*"], "dst": ["tag:a"]}]}`, `"tag:a" says no ports`},
		"deny":              {`{"acls": [{"action": "deny", "src": ["*"], "dst": ["*:*"]}]}`, `the only action is "accept", and this is "deny"`},
		"old format":        {`{"acls": [{"action": "accept", "users": ["*"], "ports": ["*:*"]}]}`, "names of an old format"},
		"bad prefix":        {`{"hosts": {"vpc": "10.20.0.0/33"}}`, `"10.20.0.0/33" is no address and no prefix (such as 10.20.0.0/24`},
		"host bits":         {`{"hosts": {"vpc": "10.20.0.1/24"}}`, "it has bits behind its length: write 10.20.0.0/24"},
		"star as owner":     {`{"tagOwners": {"tag:a": ["*"]}}`, `"*" cannot stand here (name people, groups or tags`},
		"self as source":    {`{"grants": [{"src": ["autogroup:self"], "dst": ["*"], "ip": ["*"]}]}`, `"autogroup:self" cannot stand here`},
		"bad autogroup":     {`{"grants": [{"src": ["autogroup:membr"], "dst": ["*"], "ip": ["*"]}]}`, `(did you mean "autogroup:member"?)`},
		"route prefix":      {`{"autoApprovers": {"routes": {"10.20.0.1/24": []}}}`, `"10.20.0.1/24" is no prefix`},
		"number for text":   {`{"groups": {"group:a": [7]}}`, "an entry of group:a must be a text, and is a number"},
		"text for list":     {`{"grants": [{"src": "*", "dst": ["*"], "ip": ["*"]}]}`, "src must be a list, and is a text (put it in [ ])"},
		"postures":          {`{"postures": {}}`, `the lab cannot do "postures"`},
		"vague test":        {`{"tests": [{"src": "alice@example.com", "accept": ["*:22"]}]}`, `a test cannot ask for "*:22"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(tt.text))
			if err == nil {
				t.Fatal("accepted")
			}
			var faults Errors
			if !errors.As(err, &faults) || len(faults) == 0 || faults[0].Line < 1 || faults[0].Column < 1 {
				t.Fatalf("no place in %#v", err)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %s\nwant %s", err, tt.want)
			}
		})
	}
}

func TestAllFaultsAtOnceInOrder(t *testing.T) {
	_, err := Parse([]byte("{\n\"grants\": [\n{\"src\": [\"group:x\"], \"dst\": [\"tag:y\"], \"ip\": [\"x\"]},\n],\n\"hots\": {},\n}"))
	var faults Errors
	if !errors.As(err, &faults) || len(faults) != 4 {
		t.Fatalf("want 4 faults, got %v", err)
	}
	for i := 1; i < len(faults); i++ {
		if a, b := faults[i-1], faults[i]; a.Line > b.Line || a.Line == b.Line && a.Column > b.Column {
			t.Errorf("out of order: %v before %v", a, b)
		}
	}
}

func TestHostileSizes(t *testing.T) {
	for name, text := range map[string]string{
		"deep":  strings.Repeat("[", maxSize),
		"many":  `{"grants": [` + strings.Repeat(`{"src": ["group:x"], "dst": ["*"], "ip": ["*"]},`+"\n", maxSize/60) + `]}`,
		"large": strings.Repeat(" ", maxSize) + "{}",
	} {
		start := time.Now()
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%s: took %v", name, d)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(Default))
	f.Add([]byte(`{"grants": [{"src": ["*"], "dst": ["[fd7a::1]:22"], "app": {"x/y": [{}]}}], "tests": [{"src": 1}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if p, err := Parse(text); (p == nil) == (err == nil) {
			t.Fatalf("policy %v with error %v", p, err)
		}
	})
}
