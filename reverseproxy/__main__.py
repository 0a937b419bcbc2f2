"""`python -m reverseproxy`: the command."""

import sys

from reverseproxy.cli import main

sys.exit(main())
