"""Has the assertions of the helpers of these tests tell what they compared."""

import pytest

pytest.register_assert_rewrite("tests.crash.loads")
