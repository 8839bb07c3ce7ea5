"""No changed envelope opens, and each ends in one typed error.

2,000 changes for each suite; EVALROOM_MUTATIONS=10000 makes it more.
"""

import os
from collections import Counter

import pytest

from evalroom.errors import EvalroomError
from tests.evalroom.sealing import bids, corpus

COUNT = int(os.environ.get("EVALROOM_MUTATIONS", "2000"))
BATCHES = 4


@pytest.mark.parametrize("suite", [0x01, 0x02, 0x11])
def test_the_corpus_itself_puts_an_envelope_together_that_opens(suite: int) -> None:
    one = corpus.anatomy(suite)
    assert dict(bids.TEXTS) == bids.open_all(one.build(), one.policy)
    assert dict(bids.TEXTS) == bids.open_all(one.with_header(lambda _: None), one.policy)


@pytest.mark.parametrize("batch", range(BATCHES))
@pytest.mark.parametrize("suite", [0x01, 0x02, 0x11])
def test_no_changed_envelope_opens_and_each_ends_in_a_typed_error(suite: int, batch: int) -> None:
    policy = corpus.anatomy(suite).policy
    accepted: list[str] = []
    codes: Counter[str] = Counter()
    for name, data in corpus.mutants(suite, seed=suite * 1000 + batch, count=COUNT // BATCHES):
        try:
            bids.open_all(data, policy)
        except EvalroomError as error:
            codes[error.code] += 1
        else:
            accepted.append(name)
    assert [] == accepted
    assert len(codes) >= 8, codes  # the corpus reaches behind the first check
