"""Makes the assertions in the modules of this folder show the values that they compared."""

import pytest

pytest.register_assert_rewrite("tests.crash.loads")
