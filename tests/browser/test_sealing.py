"""Sealed bids between a real Chromium and the room: each opens what the other sealed, in both suites.

The browser runs the pages' own library with its own WebCrypto, its worker and its private files; the room opens with every
trustee's key, as at an opening, and the other way round.
"""

import base64
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from evalroom.sealing.policy import Mode, PartName
from evalroom.sealing.suites import find_suite
from tests.browser import library
from tests.evalroom.sealing import bids, tender

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.needs("chromium"),
    pytest.mark.timeout(120),
]

LONG = 3 * (1 << 20) + 5

SEAL = """
async ({policy, suite, bidder, slots, technical, cancelAt}) => {
  const {evb1} = window
  const read = evb1.parsePolicy(new TextEncoder().encode(policy))
  const draft = await evb1.draftBid(read, suite, evb1.fromBase64(bidder))
  const pattern = new Uint8Array(technical).map((_, index) => index % 251)
  const parts = [
    {name: 'identity', content: new Blob(['{"cert":"..."}'])},
    {name: 'opening', content: new Blob(['报价 1,234,567.89 元'])},
    {name: 'technical', content: new Blob([pattern])},
    {name: 'price', content: new Blob([pattern.subarray(0, 16384)])},
  ]
  const steps = []
  const cancelling = new AbortController()
  const progress = (step) => {
    steps.push(`${step.phase} ${step.part}`)
    if (`${step.phase} ${step.part}` === cancelAt) cancelling.abort()
  }
  const sealing = evb1.sealInWorker(draft, slots.map(evb1.fromBase64), parts, {progress, signal: cancelling.signal})
  const files = async () => {
    const names = []
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('sealed-bids')
    for await (const name of folder.keys()) names.push(name)
    return names
  }
  try {
    const sealed = await sealing
    const before = await files()
    const bytes = new Uint8Array(await sealed.blob.arrayBuffer())
    await evb1.removePrivateFile(evb1.fileNameOf(draft.bid))
    return {
      bytes: evb1.toBase64(bytes), bid: evb1.toBase64(draft.bid), root: evb1.toBase64(sealed.root),
      steps: [...new Set(steps)], before, after: await files(), private: sealed.private,
    }
  } catch (error) {
    return {code: error.code, detail: error.detail, after: await files()}
  }
}
"""

OPEN = """
async ({bytes, policy, bid, slot, trustees, suite, k}) => {
  const {evb1} = window
  const keyOf = (ders) => evb1.OpeningKey.load(evb1.suiteOf(suite), ders.map(evb1.fromBase64))
  const source = evb1.blobSource(new Blob([evb1.fromBase64(bytes)]))
  const envelope = await evb1.Envelope.open(source, evb1.parsePolicy(new TextEncoder().encode(policy)), evb1.fromBase64(bid))
  await envelope.verifyRoot()
  const texts = {}
  for (const part of envelope.parts) {
    const half = await part.openHalf(await keyOf(slot))
    const shares = new Map()
    for (const [number, ders] of trustees) shares.set(number, await part.openShare(number, await keyOf(ders)))
    texts[part.core.part] = evb1.toBase64(await part.readText(half, part.joinShares(k, shares)))
  }
  return texts
}
"""


# Asked of the browser, not of its version: Chromium 156 has all four in WebCrypto, the 150 of Debian 12 no lattices.
LACKING = """
async () => {
  const lacks = async (name, uses, call) => {
    if (!(call in SubtleCrypto.prototype)) return true
    return crypto.subtle.generateKey({name}, false, uses).then(() => false, () => true)
  }
  const asked = [
    ['ML-KEM-768', ['encapsulateBits', 'decapsulateBits'], 'encapsulateBits'],
    ['X25519', ['deriveBits'], 'deriveBits'],
    ['Ed25519', ['sign', 'verify'], 'sign'],
    ['ML-DSA-65', ['sign', 'verify'], 'sign'],
  ]
  const lacking = []
  for (const [name, uses, call] of asked) if (await lacks(name, uses, call)) lacking.push(name)
  return lacking
}
"""


@pytest.fixture(scope="session", name="address")
def _address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    lacking = library.missing()
    if lacking is not None:
        pytest.skip(lacking)
    folder: Path = tmp_path_factory.mktemp("window")
    library.build(folder)
    with library.served(folder) as address:
        yield address


@pytest_asyncio.fixture(loop_scope="session", name="page")
async def _page(browser: Browser, address: str) -> AsyncIterator[Page]:
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(address)
    await page.wait_for_function("window.evb1 !== undefined")
    yield page
    await context.close()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


async def seal(page: Page, suite: int, *, mode: Mode = Mode.JOINT, **change: object) -> dict[str, Any]:
    slots = (
        []
        if mode is Mode.SITES
        else [tender.opening_key(suite, owner).public for owner in ("token", "spare")]
    )
    order = {
        "policy": tender.policy(mode).encode().decode(),
        "suite": suite,
        "bidder": b64(tender.drawn("bidder", 32)),
        "slots": [b64(slot) for slot in slots],
        "technical": LONG,
        **change,
    }
    return cast("dict[str, Any]", await page.evaluate(SEAL, order))


async def test_chromium_fetches_the_library_only_for_what_it_lacks_itself(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    lacking = await page.evaluate(LACKING)
    chosen = await page.evaluate(
        "async () => { const {suite, fromLibrary} = await evb1.chooseSuite([17, 1, 2]); return [suite.code, fromLibrary] }"
    )
    assert [1, lacking] == chosen
    assert bool(lacking) == any("library" in url for url in asked)


async def test_the_worker_that_tried_the_suites_out_seals_the_next_bid(page: Page) -> None:
    workers: list[str] = []
    page.on("worker", lambda worker: workers.append(worker.url))
    lacking = await page.evaluate(LACKING)
    for listed, code in (([2, 1], 2), ([17, 1, 2], 1)):
        chosen = await page.evaluate(
            "async (listed) => { const {suite, fromLibrary} = await evb1.chooseSuiteInWorker(listed);"
            " return [suite.code, fromLibrary] }",
            listed,
        )
        assert [code, lacking if code == 1 else []] == chosen
    refused = await page.evaluate("evb1.chooseSuiteInWorker([17]).catch(({code}) => code)")
    assert refused == "suite_unavailable"
    tried = len(workers)
    for _ in range(2):
        assert (await seal(page, 0x01, technical=1000))["root"]
    sealing = [url for url in workers[tried:] if "disk" not in url]
    assert len(sealing) == 1  # for the second bid: the first was sealed where the suites had been tried


@pytest.mark.parametrize("suite", tender.SUITES)
async def test_the_room_opens_what_chromium_sealed(page: Page, suite: int) -> None:
    sealed = await seal(page, suite)
    bid = base64.b64decode(sealed["bid"])
    texts = bids.open_all(base64.b64decode(sealed["bytes"]), tender.policy(), bid, (1, 3))
    assert "报价 1,234,567.89 元".encode() == texts[PartName.OPENING]
    assert tender.pattern(LONG) == texts[PartName.TECHNICAL]
    assert tender.pattern(16_384) == texts[PartName.PRICE]
    assert f"{bid.hex()}.evb1" in sealed["before"]
    assert [] == sealed["after"]
    assert {"sealing price", "checking price"} <= set(sealed["steps"])


@pytest.mark.parametrize("mode", [Mode.SITES, Mode.BIDDER])
async def test_the_room_opens_what_chromium_sealed_in_other_modes(page: Page, mode: Mode) -> None:
    sealed = await seal(page, 0x02, mode=mode, technical=1000)
    bid = base64.b64decode(sealed["bid"])
    texts = bids.open_all(base64.b64decode(sealed["bytes"]), tender.policy(mode), bid)
    assert tender.pattern(1000) == texts[PartName.TECHNICAL]


@pytest.mark.parametrize("suite", tender.SUITES)
async def test_chromium_opens_what_the_room_sealed(page: Page, suite: int) -> None:
    sealed, policy = bids.sealed(suite), tender.policy()
    owners = [(2, "north"), (3, "supervisor")]
    found = await page.evaluate(
        OPEN,
        {
            "bytes": b64(sealed.data),
            "policy": policy.encode().decode(),
            "bid": b64(tender.BID),
            "slot": [b64(one) for one in tender.opening_pkcs8(suite, "spare")],
            "trustees": [
                [place, [b64(one) for one in tender.opening_pkcs8(suite, owner)]] for place, owner in owners
            ],
            "suite": suite,
            "k": policy.k,
        },
    )
    assert {name.value: b64(text) for name, text in bids.TEXTS.items()} == found


async def test_chromium_and_the_room_read_each_others_keys(page: Page) -> None:
    for code in tender.SUITES:
        made = await page.evaluate(
            "async (code) => { const key = await evb1.SigningKey.generate(evb1.suiteOf(code));"
            " const text = new TextEncoder().encode('text');"
            " return [key.publicKey, ...key.pkcs8(), await key.sign(text)].map(evb1.toBase64) }",
            code,
        )
        public, *pkcs8, signature = (base64.b64decode(one) for one in made)
        assert public == find_suite(code).load_signing_key(pkcs8).public
        find_suite(code).verify(public, b"text", signature)


async def test_a_cancelled_bid_leaves_nothing_behind(page: Page) -> None:
    for step in ("sealing opening", "checking identity"):
        failed = await seal(page, 0x02, technical=20 * LONG, cancelAt=step)
        assert failed == {"code": "sealing_cancelled", "detail": {}, "after": []}


async def test_a_disk_without_room_is_named_and_left_clean(page: Page) -> None:
    devtools = await page.context.new_cdp_session(page)
    origin = await page.evaluate("location.origin")
    await devtools.send("Storage.overrideQuotaForOrigin", {"origin": origin, "quotaSize": 2 * LONG})
    assert (await seal(page, 0x02))["root"]
    await devtools.send("Storage.overrideQuotaForOrigin", {"origin": origin, "quotaSize": LONG})
    failed = await seal(page, 0x02)
    assert failed["code"] == "storage_full"
    assert failed["after"] == []


async def test_a_browser_without_mlkem_wraps_by_the_library_and_says_so(
    browser: Browser, address: str
) -> None:
    suite, info = 0x01, b"info"
    context = await browser.new_context()
    await context.add_init_script(
        "for (const name of ['encapsulateBits', 'decapsulateBits']) delete SubtleCrypto.prototype[name]"
    )
    page = await context.new_page()
    await page.goto(address)
    await page.wait_for_function("window.evb1 !== undefined")
    lacking = await page.evaluate(LACKING)
    by_library, wrapped = await page.evaluate(
        "async ([to, info]) => { const {suite, fromLibrary} = await evb1.chooseSuite([1]);"
        " const wrapped = await evb1.wrapTo(suite, evb1.fromBase64(to), evb1.ascii('a secret'), evb1.fromBase64(info));"
        " return [fromLibrary, evb1.toBase64(wrapped)] }",
        [b64(tender.opening_key(suite, "spare").public), b64(info)],
    )
    await context.close()
    assert by_library[0] == "ML-KEM-768"
    assert lacking == by_library
    assert tender.opening_key(suite, "spare").unwrap(base64.b64decode(wrapped), info) == b"a secret"
