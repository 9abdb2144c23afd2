"""`python -m sparebits`, where the project is not installed."""

import sys

from sparebits.cli import main

sys.exit(main())
