from logleap.entrypoints.console.recent import Recent


def test_what_nobody_has_asked_for_the_longest_is_let_go() -> None:
    recent = Recent[str, int](2)
    recent.keep("a", 1)
    recent.keep("b", 2)
    assert recent.find("a") == 1
    recent.keep("c", 3)
    assert [recent.find(key) for key in "abc"] == [1, None, 3]
    recent.keep("a", 4)
    assert recent.find("a") == 4
