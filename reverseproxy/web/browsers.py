"""Browsers that are known by what they can't do."""

import re

#: nginx's `msie6`: MSIE 4 to 6, but not the repaired 6.0 of SV1.
MSIE6 = re.compile(rb"MSIE [4-6]\.(?!.*SV1)")
