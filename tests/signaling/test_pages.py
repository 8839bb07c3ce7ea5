"""The pages come with headers that keep other origins out and caches honest."""

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from signaling import pages


def test_pages_name_no_origin_but_their_own() -> None:
    policy = pages.HEADERS["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe-eval" not in policy
    assert "http" not in policy.replace("https:", "")
    assert "script-src" not in policy


def test_every_answer_carries_the_headers() -> None:
    app = FastAPI()
    pages.serve_pages(app)
    answer = TestClient(app).get("/nothing-here")
    for name, value in pages.HEADERS.items():
        assert answer.headers[name] == value
    assert answer.headers["cache-control"] == "no-cache"


def test_the_page_with_a_script_inside_is_saved_and_never_shown_by_this_origin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "STATIC", tmp_path)
    (tmp_path / "verify").mkdir()
    for name in ("index.html", "verify/index.html", "verify/offline.html"):
        (tmp_path / name).write_text("<!doctype html>", "utf-8")
    app = FastAPI()
    pages.serve_pages(app)
    client = TestClient(app)
    saved = client.get("/verify/offline.html").headers
    assert saved["content-disposition"].startswith("attachment")
    assert saved["content-security-policy"] == pages.HEADERS["content-security-policy"]
    assert "content-disposition" not in client.get("/verify/").headers


def test_unbuilt_pages_say_how_to_build_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "STATIC", pages.STATIC / "not-there")
    app = FastAPI()
    pages.serve_pages(app)
    answer = TestClient(app).get("/")
    assert answer.status_code == 503
    assert "dev.py" in answer.text
