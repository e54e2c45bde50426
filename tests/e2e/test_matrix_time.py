"""Slow, silent, gone: T of tests/matrix/matrix.md."""
import pytest

FAST = dict(retry_wait=0, timeout=4, max_tries=3, min_split_size="1M", max_retry_wait=1)


# ---- T05-T11: servers and networks that are not there, and clocks ----


@pytest.mark.matrix("T05")
@pytest.mark.parametrize("conns", [1, 4])
def test_closed_without_a_byte(hauld, hostile, conns):
    s = hauld.wait(hauld.add(hostile.base + "/fin/1M/a", split=conns, max_connection_per_server=conns, **FAST))
    assert (s["status"], s["errorCode"]) == ("error", "1") and "closed the connection" in s["errorMessage"], s
    assert len(hostile.log()) == 3
