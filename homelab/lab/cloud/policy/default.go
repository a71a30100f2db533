package policy

import _ "embed"

// Default is the policy of a new tailnet.
//
//go:embed default.hujson
var Default string
