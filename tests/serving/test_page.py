"""The page to try the model, in a browser."""
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Iterator, Optional

import pytest
from asking import same
from browser import Page, chromium
from processes import Server, Start, make_package, wait_until

from textjob.serving import pages

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
SPORT = "goal team score"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as program:
        yield program


@pytest.fixture(scope="module")
def own(own_package: Path, start: Start) -> Server:
    return start(own_package, "--name", "news").ready()


@pytest.fixture(scope="module")
def mirror(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Server:
    source = (Path(__file__).parent / "mirror_service.py").read_text(encoding="utf-8")
    return start(make_package(tmp_path_factory.mktemp("mirror") / "model", source), "--body_limit", "0.01",
                 "--time_limit", "0.5").ready()


@pytest.fixture(scope="module")
def guarded(own_package: Path, start: Start, tmp_path_factory: pytest.TempPathFactory) -> Server:
    token = tmp_path_factory.mktemp("token") / "token"
    token.write_text("s3cret", encoding="utf-8")
    return start(own_package, "--token_file", str(token)).ready()


def url(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}/"


def shows(page: Page, text: str) -> None:
    """Wait until the input has this text."""
    from playwright.sync_api import expect

    expect(page.page.locator("#texts")).to_have_value(text)


# Without a browser


def test_the_page_is_for_browsers_only_and_any_other_client_gets_the_405_of_the_platform(own: Server) -> None:
    response, body = own.send("GET", "/", headers=HTML)
    assert response.status == 200 and response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert body.startswith(b"<!DOCTYPE html>")
    for headers in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
        response, body = own.send("GET", "/", headers=headers)
        assert (response.status, response.headers["Allow"]) == (405, "POST"), headers


def test_the_page_does_not_exist_with_strict(own_package: Path, start: Start) -> None:
    server = start(own_package, "--strict").ready()
    assert server.send("GET", "/", headers=HTML)[0].status == 405
    assert [server.send("GET", path)[0].status for path in ("/card", "/openapi.json")] == [404, 404]


def test_a_visit_of_the_page_is_not_counted_as_a_prediction(own: Server) -> None:
    before = own.send("GET", "/metrics")[1].count(b"textjob_request_seconds_count")
    own.send("GET", "/", headers=HTML)
    page = own.send("GET", "/metrics")[1]
    assert page.count(b"textjob_request_seconds_count") == before
    assert b'textjob_requests_total{path="page",status="200",version="1"}' in page


def test_the_card_has_the_figures_and_neither_texts_nor_paths(own: Server, own_package: Path) -> None:
    response, body = own.send("GET", "/card")
    card, source = json.loads(body), json.loads((own_package / "model_card.json").read_text(encoding="utf-8"))
    assert response.status == 200 and (card["name"], card["version"], card["model"]) == ("news", "1", "cnn")
    assert card["classes"] == len(source["labels"])
    assert card["figures"]["accuracy"] == (source["test"] or source["dev"])["accuracy"]
    assert not {"golden", "settings", "notes"} & set(card) and b".tsv" not in body


@pytest.mark.parametrize("content, expected", [
    (None, {}), ("{", {}), ('{"model": 5, "labels": "x", "dev": []}', {}),
    ('{"model": "adopted", "labels": ["a", "b"], "dev": {}, "test": {}}', {"model": "adopted", "classes": 2})],
    ids=["none", "damaged", "foreign", "adopted"])
def test_a_package_without_figures_has_a_short_card(content: Optional[str], expected: Any, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "model_card.json").write_text(content, encoding="utf-8")
    assert json.loads(pages.card("news", "3", tmp_path)) == {"name": "news", "version": "3", **expected}


# In a browser


def test_a_visitor_types_texts_and_reads_the_labels_with_bars(browser: Any, own: Server) -> None:
    page = Page(browser, url(own)).classify(f"{SPORT}\n\nsoup and bread\r\n")
    labels = page.page.locator(".label").all_inner_texts()
    assert labels == [own.post({"text": text})[1]["predicted_label"] for text in (SPORT, "soup and bread")]
    first = page.page.locator(".scores").first
    values = [float(text.rstrip("%")) for text in first.locator(".value").all_inner_texts()]
    widths = first.locator(".bar").evaluate_all("bars => bars.map(bar => bar.getBoundingClientRect().width)")
    assert values == sorted(values, reverse=True) and len(values) == len(widths) and widths[0] > 10 * widths[-1]
    boxes = [each.bounding_box() for each in first.locator("li").first.locator(".name, .track, .value").all()]
    assert all(one["x"] + one["width"] <= other["x"] for one, other in zip(boxes, boxes[1:]))
    assert "2 texts in " in page.text("#status") and "version 1" in page.text("#status")
    assert "Accuracy" in page.text("#figures") and "Macro F1" in page.text("#figures")
    assert page.text("#served") == "Model news, version 1" and page.page.title() == "news: Text classifier"
    assert page.errors == []


def test_the_page_connects_to_its_own_server_alone(browser: Any, own: Server) -> None:
    page = Page(browser, url(own)).classify(SPORT)
    assert page.requests and all(request.startswith((url(own), "data:", "blob:")) for request in page.requests)
    blocked = page.page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'sent', error => error.message)")
    assert blocked == "Failed to fetch" and any("Content Security Policy" in error for error in page.errors)


@pytest.mark.parametrize("text", [SPORT, "it's $HOME and `id` \\ \"x\" 好 &\t<b>"])
def test_the_curl_command_gets_the_same_answer(text: str, browser: Any, own: Server) -> None:
    page = Page(browser, url(own)).classify(text)
    page.page.locator("summary").first.click()
    done = subprocess.run(["bash", "-c", page.text("#curl")], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == own.post({"data": {"req_data": [{"text": text}]}})[1]


def test_texts_and_labels_are_shown_as_text_and_never_run(browser: Any, mirror: Server) -> None:
    attack = "<img src=x onerror=document.title='run'><b>bold</b>"
    answer = {"predicted_label": attack, "score": 1.0, "scores": [[attack, 1.0]], "text": attack}
    error = {"error": {"code": attack, "message": attack}}
    page = Page(browser, url(mirror)).classify("\n".join(map(json.dumps, [answer, error, {"other": attack}])))
    assert page.page.locator("#results img, #results b").count() == 0 and page.page.title() != "run"
    assert page.page.locator(".label").all_inner_texts() == [attack]
    assert page.text(".error >> nth=0") == f"{attack}: {attack}"


def test_a_visitor_without_a_mouse_classifies_and_hears_the_result(browser: Any, own: Server) -> None:
    page = Page(browser, url(own))
    page.page.keyboard.press("Tab")
    assert page.page.evaluate("document.activeElement.id") == "texts"
    page.page.keyboard.type(SPORT)
    order = []
    for _ in range(3):
        page.page.keyboard.press("Tab")
        order.append(page.page.evaluate("document.activeElement.id"))
    assert order == ["whole", "send", "file"]
    page.page.keyboard.press("Shift+Tab")
    page.page.keyboard.press("Enter")
    page.page.get_by_role("status").filter(has_text="1 text in").wait_for()
    assert page.page.evaluate("document.activeElement.id") == "send"
    page.page.locator("#texts").press("Control+Enter")
    for role, name in (("textbox", "Texts"), ("checkbox", "All lines are one text"), ("button", "Classify"),
                       ("region", "Predictions"), ("region", "Model")):
        assert page.page.get_by_role(role, name=name, exact=True).count() == 1, (role, name)


def test_a_file_is_read_in_utf_8_or_gb18030_and_all_lines_can_be_one_text(
        browser: Any, own: Server, tmp_path: Path) -> None:
    page = Page(browser, url(own))
    for encoding in ("utf-8", "gb18030"):
        (tmp_path / "texts.txt").write_bytes("体育 比赛\n好吃\n".encode(encoding))
        page.page.set_input_files("#file", str(tmp_path / "texts.txt"))
        shows(page, "体育 比赛\n好吃\n")
        page.page.locator("#texts").fill("")
    page.page.locator("#whole").check()
    page.classify("goal\nteam")
    assert page.page.locator(".answer").count() == 1 and "1 text in" in page.text("#status")
    transfer = page.page.evaluate_handle(
        "() => { const all = new DataTransfer(); all.items.add(new File(['dropped'], 'a.txt')); return all; }")
    page.page.dispatch_event("#form", "drop", {"dataTransfer": transfer})
    shows(page, "dropped")


def test_many_texts_are_shown_in_part_and_saved_as_a_whole(browser: Any, own: Server) -> None:
    page = Page(browser, url(own)).classify("goal\n" * 300)
    assert page.page.locator(".answer").count() == 100 and "100 of 300" in page.text("#rest")
    with page.page.expect_download() as download:
        page.page.locator("#save").click()
    rows = [json.loads(line) for line in Path(download.value.path()).read_text(encoding="utf-8").splitlines()]
    assert [row.pop("text") for row in rows] == ["goal"] * 300
    assert same(rows[0], own.post({"text": "goal"})[1])  # a batch may round otherwise than one text alone


def test_the_languages_are_english_and_chinese(browser: Any, own: Server) -> None:
    page = Page(browser, url(own), language="zh-CN").classify(SPORT)
    assert page.page.get_by_role("button", name="分类", exact=True).count() == 1
    assert page.page.get_attribute("html", "lang") == "zh-CN" and "1 条文本" in page.text("#status")
    other = Page(browser, url(own), language="fr-FR").classify(SPORT)
    assert other.page.get_attribute("html", "lang") == "en" and "1 text in" in other.text("#status")
    same = page.page.evaluate("Object.keys(ENGLISH).sort().join() === Object.keys(CHINESE).sort().join()")
    assert same and page.errors == other.errors == []


@pytest.mark.parametrize("text, message", [
    ("", "Enter at least one text."), ("x" * 20000, "status 413"), ("not JSON", "status 500"), ("slow", "status 504")],
    ids=["empty", "too large", "failed", "slow"])
def test_an_error_is_explained_and_announced(text: str, message: str, browser: Any, mirror: Server) -> None:
    page = Page(browser, url(mirror)).classify(text)
    assert message in page.page.get_by_role("alert").inner_text()
    assert not page.page.locator("#results").is_visible()
    page.classify('{"predicted_label": "good"}')
    assert page.page.get_by_role("alert").inner_text() == "" and page.page.locator(".label").inner_text() == "good"


def test_an_unreachable_server_is_explained(browser: Any, own_package: Path, start: Start) -> None:
    server = start(own_package).ready()
    page = Page(browser, url(server))
    page.page.locator("#figures dt").first.wait_for(state="attached")
    server.end()
    assert "cannot be reached" in page.classify(SPORT).text("#error")


def test_a_token_is_requested_where_the_server_requires_one(browser: Any, guarded: Server) -> None:
    assert guarded.send("GET", "/card")[0].status == guarded.send("GET", "/openapi.json")[0].status == 401
    page = Page(browser, url(guarded))
    page.page.get_by_label("Token of the server").fill("wrong")
    assert "requires a token" in page.classify(SPORT).text("#error")
    page.page.get_by_label("Token of the server").fill("s3cret")
    page.classify(SPORT)
    assert page.page.locator(".label").count() == 1 and "Accuracy" in page.text("#figures")
    page.page.locator("summary").first.click()
    done = subprocess.run(["bash", "-c", page.text("#curl")], capture_output=True, text=True, check=True,
                          env=dict(os.environ, TOKEN="s3cret"))
    assert "predicted_label" in done.stdout and "s3cret" not in page.text("#curl")


def test_the_page_shows_the_version_that_replaced_the_one_before(
        browser: Any, own_package: Path, start: Start, tmp_path: Path) -> None:
    shutil.copytree(str(own_package), str(tmp_path / "1"))
    server = start(tmp_path, "--poll_seconds", "0.1", model_flag="--model_base").ready()
    page = Page(browser, url(server)).classify(SPORT)
    assert page.text("#served").endswith("version 1")
    shutil.copytree(str(own_package), str(tmp_path / "2"))
    wait_until(lambda: server.send("GET", "/health")[0].headers["X-Model-Version"] == "2")
    assert "version 2" in page.classify(SPORT).text("#status") and page.text("#served").endswith("version 2")


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
@pytest.mark.parametrize("width", [320, 400, 1280])
def test_nothing_is_wider_than_the_screen(width: int, language: str, browser: Any, mirror: Server) -> None:
    label = "a_label_without_blanks_" * 10
    scores = [[f"{label}{index}", 0.2] for index in range(5)]
    answer = json.dumps({"predicted_label": label, "score": 0.2, "scores": scores, "text": "x" * 2000})
    page = Page(browser, url(mirror), width, language).classify(answer)
    page.page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert page.page.locator(".scores li").count() == 5
    assert page.page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast_in_both_schemes(scheme: str, browser: Any, own: Server) -> None:
    page = Page(browser, url(own), color_scheme=scheme).classify(f"{SPORT}\n")
    ratios = page.page.evaluate("""() => {
        const light = color => color.match(/[\\d.]+/g).slice(0, 3).map(value => value / 255)
            .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
            .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
        const ground = each => { const color = getComputedStyle(each).backgroundColor;
            return color === "rgba(0, 0, 0, 0)" ? ground(each.parentElement) : color; };
        return ["h1", "#served", "#hint", "label", "#send", ".button", ".label", ".value", "#status", "dt", "dd", "pre"]
            .map(selector => { const each = document.querySelector(selector);
                const [one, two] = [light(getComputedStyle(each).color), light(ground(each))];
                return [selector, (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05)]; });
    }""")
    assert [pair for pair in ratios if pair[1] < 4.5] == []
