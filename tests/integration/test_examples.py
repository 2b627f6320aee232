"""Every example runs to its end against a whole cluster. What stands on pages: test_docs_blocks."""

from __future__ import annotations

import pytest
from support.cluster import Cluster
from support.examples import SAYS, run_example


@pytest.mark.parametrize("example", SAYS)
def test_an_example_runs_to_its_end(cluster: Cluster, example: str):
    told = run_example(example, str(cluster.port_base))
    for words in SAYS[example]:
        assert words in told
