"""The report's page as a reader uses it: opened in a browser, filtered, paged, clicked through, with the keyboard too."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest

from zoopose.datasets.pseudo_labels import REASONS, PseudoLabels
from zoopose.evaluation.report.labels import label_blocks
from zoopose.evaluation.report.page import build_report
from zoopose.evaluation.run_folder import RunFolder

pytestmark = pytest.mark.browser

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1360,1000"
).split()
FRAMES, ROUNDS, JOINTS = 70, 3, 18


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A fresh headless Chromium."""
    webdriver = pytest.importorskip("selenium.webdriver")
    from selenium.webdriver.chrome.service import Service

    chromium, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("no chromium and chromedriver here")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    found = webdriver.Chrome(options=options, service=Service(driver))
    yield found
    found.quit()


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory, frames, label_files):
    folder, dataset = tmp_path_factory.mktemp("run"), frames(FRAMES)
    label_files(folder, dataset, ROUNDS)
    blocks = label_blocks(RunFolder(folder), dataset, dataset.skeleton)
    build_report(folder / "report.html", "CC-SSL: made up", "Labels of three rounds.", blocks)
    return folder


@pytest.fixture(scope="module")
def reasons(run_folder):
    """(rounds, frames, joints) what the files say."""
    return np.stack([PseudoLabels.read(path).reason for path in sorted(run_folder.glob("*.h5"))])


@pytest.fixture
def page(browser, run_folder):
    """(css, within the section of a view) -> elements of the freshly opened page."""
    browser.get((run_folder / "report.html").as_uri())

    def find(css, view="gallery"):
        return browser.find_elements("css selector", f'[data-view="{view}"] {css}')

    return find


def choose(page, which, text, view="gallery"):
    """Choose the option whose text begins so."""
    from selenium.webdriver.support.ui import Select

    box = page(f'select[data-by="{which}"]', view)[0]
    names = [o.text for o in Select(box).options]
    Select(box).select_by_index(next(i for i, name in enumerate(names) if name.split(" (")[0] == text))


def told(page):
    """(labels, of all, tiles) that the page says are shown."""
    return tuple(map(int, re.findall(r"\d+", page("output")[0].text)))


def test_opens_without_a_complaint_or_a_request(browser, page):
    assert [entry["message"] for entry in browser.get_log("browser")] == []
    names = browser.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert all(name.startswith("data:") for name in names)
    assert len(page(".tile")) == 60 and len(page(".tile img")) == 59  # one cannot be read
    assert len(page(".tile", "strips")) == 20 + 20 + 20 and len(page(".tile", "worst")) == 48


def test_filters_show_what_the_files_say(page, reasons):
    from zoopose.pose.skeleton import TIGDOG18

    k, share = 5, REASONS.index("equivariance")
    total = ROUNDS * FRAMES * JOINTS
    assert told(page) == (FRAMES * JOINTS, total, FRAMES)  # the last round, to begin with
    choose(page, "round", "all rounds")
    assert told(page) == (total, total, ROUNDS * FRAMES)
    choose(page, "joint", TIGDOG18.joints[k])
    assert told(page) == (ROUNDS * FRAMES, total, ROUNDS * FRAMES)
    choose(page, "reason", "equivariance")
    wanted = reasons[:, :, k] == share
    assert told(page) == (wanted.sum(), total, wanted.sum()) and wanted.sum() > 5
    choose(page, "round", "1")
    assert told(page) == (wanted[1].sum(), total, wanted[1].sum())
    shown = [int(tile.get_attribute("data-frame")) for tile in page(".tile")]
    assert shown == np.flatnonzero(wanted[1]).tolist()
    assert {tile.get_attribute("data-round") for tile in page(".tile")} == {"1"}
    for tile in page(".tile"):
        strong = tile.find_elements("css selector", "circle.ring:not(.dim)")
        assert len(strong) == 1 and "r-equivariance" in strong[0].get_attribute("class")
        assert "equivariance" in tile.text
    page("[data-reset]")[0].click()
    assert told(page) == (FRAMES * JOINTS, total, FRAMES)


def test_every_choice_tells_how_many_it_leaves(page, reasons):
    choose(page, "round", "2")
    choose(page, "reason", "admitted")
    counts = [o.text for o in page('select[data-by="joint"] option')][1:]
    wanted = (reasons[2] == 0).sum(0)
    assert [int(re.search(r"\((\d+)\)", text).group(1)) for text in counts] == wanted.tolist()
    rounds = [o.text for o in page('select[data-by="round"] option')][1:]
    assert rounds == [f"{r} ({(reasons[r] == 0).sum()})" for r in range(ROUNDS)]


def test_nothing_left_is_said(page):
    choose(page, "reason", "support")
    choose(page, "round", "0")  # no label has lost its support in the first round
    assert told(page)[0] == 0 and page(".tile") == []
    assert "No such label" in page(".tiles")[0].text


def test_more_tiles_come_a_page_at_a_time(page):
    from selenium.webdriver.common.keys import Keys

    choose(page, "round", "all rounds")
    more = page(".more button")[0]
    for wanted in (120, 180, 210):
        more.send_keys(Keys.ENTER)  # a click may meet the page while it still scrolls
        assert len(page(".tile")) == wanted
    assert not more.is_displayed()


def test_a_frame_opens_with_its_numbers_by_keyboard(browser, page, reasons):
    from selenium.webdriver.common.keys import Keys

    page(".tile button")[0].send_keys(Keys.ENTER)
    dialog = browser.find_element("css selector", "dialog.closer")
    assert dialog.is_displayed()
    title = dialog.find_element("tag name", "h3").text
    rows = dialog.find_elements("css selector", "tbody tr")
    assert title == "video0000/frame00.jpg"
    assert [row.find_element("css selector", "td b").text for row in rows] == [REASONS[i] for i in reasons[2, 0]]
    dialog.send_keys(Keys.ARROW_RIGHT)
    assert dialog.find_element("tag name", "h3").text == "video0000/frame01.jpg"
    dialog.send_keys(Keys.ESCAPE)
    assert not dialog.is_displayed()


def test_filters_are_reached_by_tab(browser, page):
    from selenium.webdriver.common.keys import Keys

    first = page('select[data-by="joint"]')[0]
    browser.execute_script("arguments[0].focus()", first)
    seen = []
    for _ in range(6):
        active = browser.switch_to.active_element
        seen.append(active.get_attribute("data-by") or active.get_attribute("type"))
        active.send_keys(Keys.TAB)
    assert seen == ["joint", "round", "reason", "order", "button", "button"]  # reset, then the first picture


def test_strips_change_with_the_round(page, reasons):
    def captions():
        return [tile.text.splitlines()[-1] for tile in page(".tile", "strips")]

    choose(page, "round", "0", "strips")
    first = captions()
    assert first[0] == f"{(reasons[0, 0] == 0).sum()} of {JOINTS}"
    choose(page, "round", "2", "strips")
    assert captions() != first


def test_order_by_confidence(page, run_folder):
    choose(page, "joint", "left_eye")
    choose(page, "order", "most confident first")
    labels = PseudoLabels.read(run_folder / "labels_round_02.h5")
    shown = [int(tile.get_attribute("data-frame")) for tile in page(".tile")]
    percent = np.rint(100 * labels.confidence[shown, 0])
    assert (np.diff(percent) <= 0).all() and percent[0] == np.rint(100 * labels.confidence[:, 0]).max()
