"""The statistics against published figures and those of SciPy 1.17 (which is named where it was used)."""

from math import comb, exp, isclose, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logleap.miner.compare.statistics import (
    benjamini_hochberg,
    chi_squared_tail,
    compare_rates,
    compare_shares,
    dispersion,
    distribution_distance,
    exceedances,
    fisher_exact,
    onset,
)


@pytest.mark.parametrize(
    ("statistic", "degrees", "p"),
    [  # scipy.stats.chi2.sf
        (3.841, 1, 0.050013683763956804),
        (6.931, 1, 0.00847143094942802),
        (10, 2, 0.006737946999085468),
        (12.5, 5, 0.028543123326167485),
        (70, 59, 0.1547460678513729),
        (100, 60, 0.0009168288614560842),
        (30, 7, 9.495972508134177e-05),
        (0, 3, 1.0),
        (5000, 3, 0.0),
    ],
)
def test_the_tail_of_chi_squared_is_that_of_the_tables(statistic: float, degrees: int, p: float) -> None:
    assert chi_squared_tail(statistic, degrees) == pytest.approx(p, rel=1e-9)


@pytest.mark.parametrize(
    ("before", "after", "ratio", "p"),
    [  # scipy.stats.power_divergence(lambda_="log-likelihood")
        (10, 30, 1, 0.0012165999233774939),
        (100, 150, 1, 0.0015088662814768286),
        (1000, 3100, 3, 0.3659184960206814),
        (40, 90, 2.5, 0.5818957166856362),
        # twice the smaller tail of scipy.stats.binom
        (0, 5, 1, 0.0625),
        (8, 0, 1, 0.0078125),
        (1, 9, 1, 0.021484375),
        (97, 3, 1 / 99, 0.15874640450436092),
        (4988, 12, 1 / 1999, 2.4989182589415237e-05),
        (2, 1, 1 / 3, 1.0),
        (0, 0, 1, 1.0),
    ],
)
def test_rates_are_compared_by_the_g_test_and_small_counts_exactly(
    before: int, after: int, ratio: float, p: float
) -> None:
    assert compare_rates(before, after, ratio) == pytest.approx(p, rel=1e-6)


def test_a_table_of_small_counts_is_judged_by_fishers_exact_test() -> None:
    assert fisher_exact(3, 1, 1, 3) == pytest.approx(34 / 70)  # Fisher's lady tasting tea
    assert fisher_exact(1, 9, 11, 3) == pytest.approx(0.0027594561852200836)  # scipy.stats.fisher_exact
    assert fisher_exact(8, 2, 1, 5) == pytest.approx(0.034965034965034975)
    # The G-test alone would say 0.0085 here.
    assert compare_shares(0, 1000, 5, 1000) == pytest.approx(0.0621875785163488)


def test_a_table_of_large_counts_is_judged_by_the_g_test() -> None:
    # scipy.stats.chi2_contingency(lambda_="log-likelihood", correction=False)
    assert compare_shares(30, 1000, 60, 1940) == pytest.approx(0.8897845977002121, rel=1e-6)
    assert compare_shares(30, 1000, 100, 2000) == pytest.approx(0.00893993636679117, rel=1e-6)


@pytest.mark.parametrize(("before", "after"), [((0, 0), (5, 10)), ((0, 9), (0, 9)), ((9, 9), (4, 4))])
def test_a_table_with_an_empty_row_or_column_tells_nothing(
    before: tuple[int, int], after: tuple[int, int]
) -> None:
    assert compare_shares(*before, *after) == 1.0


BENJAMINI_HOCHBERG_1995 = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
    0.7590, 1.0000,
]  # fmt: skip


def test_the_example_of_benjamini_and_hochberg_rejects_the_four_least() -> None:
    assert benjamini_hochberg(BENJAMINI_HOCHBERG_1995, 0.05) == [True] * 4 + [False] * 11
    assert benjamini_hochberg(BENJAMINI_HOCHBERG_1995[::-1], 0.05) == [False] * 11 + [True] * 4
    assert benjamini_hochberg([], 0.05) == []


def test_a_p_value_that_fails_its_own_rank_counts_below_one_that_does_not() -> None:
    assert benjamini_hochberg([0.03, 0.04, 0.9], 0.05) == [False, False, False]
    assert benjamini_hochberg([0.03, 0.032, 0.033], 0.05) == [True, True, True]


def test_independent_counts_are_not_over_dispersed_and_a_burst_is() -> None:
    even = [1.0] * 60
    assert dispersion([9, 11, 10, 8, 12, 10, 9, 10, 11, 10] * 6, even, 0.01) == 1.0
    assert dispersion([0] * 20 + [600] + [0] * 39, even, 0.01) == pytest.approx(600)
    # scipy.stats.chisquare: 25.75 on 5 degrees of freedom, p = 0.0001
    assert dispersion([10, 12, 8, 30, 9, 11], [1.0] * 6, 0.01) == pytest.approx(25.75 / 5)
    assert dispersion([10, 12, 8, 30, 9, 11], [1.0] * 6, 0.00001) == 1.0


def test_a_burst_that_lasts_for_many_counts_is_more_than_each_of_them() -> None:
    long = [0] * 40 + [10] * 10 + [0] * 10
    assert dispersion(long, [1.0] * 60, 0.01) > 2 * 8.5  # 8.5: from count to count


def test_counts_that_follow_what_they_are_in_proportion_to_are_not_over_dispersed() -> None:
    days = [100, 5] * 30
    assert dispersion(days, [1.0] * 60, 0.01) > 10
    assert dispersion(days, [1000.0, 50.0] * 30, 0.01) == 1.0


@pytest.mark.parametrize("counts", [[], [5], [0, 0, 0]])
def test_counts_that_cannot_vary_have_no_dispersion(counts: list[int]) -> None:
    assert dispersion(counts, [1.0] * len(counts), 0.01) == 1.0


def test_the_onset_is_where_counts_begin_to_deviate() -> None:
    assert onset([5, 6, 4, 20, 21, 19], [5.0] * 6) == 3
    assert onset([5, 6, 4, 0, 0, 0], [5.0] * 6) == 2  # 4 is already less
    assert onset([20, 20], [5.0] * 2) == 0


def test_exceedances_are_those_of_the_hypergeometric_distribution() -> None:
    assert exceedances(3, 10, 20) == pytest.approx(comb(10, 3) / comb(30, 3))
    assert exceedances(12, 400, 400) == pytest.approx(comb(400, 12) / comb(800, 12))
    assert exceedances(0, 5, 5) == 1.0
    assert exceedances(50, 5, 5) == pytest.approx(1 / comb(10, 5))


def test_the_distance_of_distributions_is_improbable_as_massart_says() -> None:
    assert distribution_distance(0.25, 200, 200) == pytest.approx(2 * exp(-2 * 0.0625 * 100))
    assert distribution_distance(0.01, 10, 10) == 1.0
    assert distribution_distance(0.9, 0, 10) == 1.0


COUNTS = st.integers(0, 10**9)


@settings(max_examples=50)
@given(COUNTS, COUNTS, st.floats(1e-6, 1e6))
def test_a_p_value_is_a_probability_and_does_not_depend_on_which_set_comes_first(
    before: int, after: int, ratio: float
) -> None:
    p = compare_rates(before, after, ratio)
    assert 0 <= p <= 1
    assert isclose(p, compare_rates(after, before, 1 / ratio), rel_tol=1e-3, abs_tol=1e-9)


@settings(max_examples=50)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_fishers_test_adds_up_all_tables_that_are_no_more_probable(
    first: int, second: int, third: int, fourth: int
) -> None:
    row, column, total = first + second, first + third, first + second + third + fourth
    ways = [
        comb(column, cell) * comb(total - column, row - cell)
        for cell in range(max(0, row + column - total), min(row, column) + 1)
    ]
    of_this = comb(column, first) * comb(total - column, row - first)
    exact = sum(way for way in ways if way <= of_this) / comb(total, row)
    assert fisher_exact(first, second, third, fourth) == pytest.approx(exact, rel=1e-6)
    assert log(exact) <= 0
