#!/bin/sh
# The default OCI runtime of machines of the lab: runc, but containers trust what their machine trusts.
case " $* " in
*" create "* | *" run "* | *" exec "*) python3 -ISB "$0.py" "$@" || exit 1 ;;
esac
exec runc "$@"
