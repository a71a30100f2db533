package password

import "testing"

func TestOnlyTheSamePasswordPasses(t *testing.T) {
	hash, err := Hash("moogle")
	if err != nil {
		t.Fatal(err)
	}
	if !Check(hash, "moogle") {
		t.Error("the password itself is refused")
	}
	for _, wrong := range []string{"", "Moogle", "moogle "} {
		if Check(hash, wrong) {
			t.Errorf("%q passes", wrong)
		}
	}
	if Check("", "") || Check("$PBKDF2-SHA512$iterations=x$zz$zz", "") {
		t.Error("a broken hash lets somebody in")
	}
}

func TestTwoHashesOfOnePasswordDiffer(t *testing.T) {
	a, _ := Hash("moogle")
	b, _ := Hash("moogle")
	if a == b {
		t.Error("the salt is missing")
	}
}
