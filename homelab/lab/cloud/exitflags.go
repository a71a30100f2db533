package main

import (
	"errors"
	"strings"

	"homelab/cloud/tailnet"
)

// exitFlags collects --exit AUTH-KEY=COUNTRY/CODE/CITY/CODE.
type exitFlags []struct {
	key string
	at  tailnet.Location
}

func (e *exitFlags) String() string { return "" }

// Set adds one exit node.
func (e *exitFlags) Set(text string) error {
	key, place, ok := strings.Cut(text, "=")
	parts := strings.Split(place, "/")
	if !ok || key == "" || len(parts) != 4 {
		return errors.New("write AUTH-KEY=Sweden/SE/Stockholm/STO")
	}
	*e = append(*e, struct {
		key string
		at  tailnet.Location
	}{key, tailnet.Location{Country: parts[0], CountryCode: parts[1], City: parts[2], CityCode: parts[3]}})
	return nil
}
