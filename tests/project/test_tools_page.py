"""The page about tools says what the tests with the real tools saw."""

from tests.support.matrix import FEATURES, PAGE, TOOLS, page, recorded


def test_the_page_agrees_with_what_was_recorded() -> None:
    text = PAGE.read_text()
    assert page(text) == text, "run: python -m tests.support.matrix"


def test_every_tool_and_feature_that_was_recorded_has_a_name() -> None:
    for tool, versions in recorded().items():
        assert tool in TOOLS
        for features in versions.values():
            assert set(features) <= set(FEATURES)
