"""The tests that changes are judged by: counts against counts, distributions against distributions.

Each answers a p-value: how often chance alone would differ that much, between 0 and 1. All are of the
standard library, and none takes longer for larger counts, but for `fisher_exact` by the smallest sum.

Sources: R. R. Sokal and F. J. Rohlf, Biometry (G-test). R. A. Fisher, The Design of Experiments, 1935 (exact
test of a table). J. Przyborowski and H. Wilenski, Biometrika 31, 1940 (two Poisson counts, exactly).
W. G. Cochran, Biometrics 10, 1954 (when expected counts are too small for an approximation; index of
dispersion). Y. Benjamini and Y. Hochberg, Journal of the Royal Statistical Society B 57, 1995.
P. McCullagh and J. A. Nelder, Generalized Linear Models, 1989 (over-dispersion: divide by it).
A. N. Kolmogorov, 1933, N. V. Smirnov, 1939, with the bound of P. Massart, Annals of Probability 18, 1990.
"""

from collections.abc import Iterator, Sequence
from math import erfc, exp, inf, lgamma, log, log1p, pi, sqrt

SMALLEST_EXPECTED = 20.0
"""Below such an expected count a test is exact. Cochran's limit is 5, for p about 0.05; the small p that
count among many tests are three times too small there: 0.007 for the counts 1 and 9, exactly 0.021."""

_NEGLIGIBLE = 1e-17
_EQUAL = 1 + 1e-7  # probabilities that differ by less were rounded differently (R and SciPy do the same)


def chi_squared_tail(statistic: float, degrees: int) -> float:
    """The probability that a chi-squared variable of so many degrees of freedom is at least `statistic`."""
    if statistic <= 0:
        return 1.0
    half = statistic / 2
    if half > 700:
        return 0.0
    # Closed forms: a Poisson sum for even degrees, for odd ones the normal tail and a sum.
    if degrees % 2 == 0:
        term = total = exp(-half)
        for step in range(1, degrees // 2):
            term *= half / step
            total += term
        return min(total, 1.0)
    total = erfc(sqrt(half))
    term = exp(-half) * 2 * sqrt(half / pi)
    for step in range(1, degrees // 2 + 1):
        total += term
        term *= half / (step + 0.5)
    return min(total, 1.0)


def compare_rates(before: float, after: float, ratio: float) -> float:
    """Whether two counts are of one rate, where `after` had `ratio` times as much room as `before`.

    `ratio` is positive: of durations, of entries, of whatever the counts grow with. Of all that was counted,
    `after` then has a binomial share: judged by a G-test, and by the exact test where a count of less than
    `SMALLEST_EXPECTED` is expected (fractions of counts, which over-dispersion makes, are cut off there).
    """
    total = before + after
    share = ratio / (1 + ratio)
    if min(share, 1 - share) * total >= SMALLEST_EXPECTED:
        statistic = _excess(before, total * (1 - share)) + _excess(after, total * share)
        return chi_squared_tail(2 * statistic, 1)
    found = int(after)
    whole = int(before) + found
    if not whole:
        return 1.0
    return min(
        1.0, 2 * min(_binomial_tail(found, whole, share), _binomial_tail(whole - found, whole, 1 - share))
    )


def compare_shares(part: float, whole: float, other_part: float, other_whole: float) -> float:
    """Whether two parts of two wholes are one share: a G-test of the table of two by two, or Fisher's exact
    test where a count of less than `SMALLEST_EXPECTED` is expected (there fractions of counts are cut off).
    """
    table = (part, whole - part, other_part, other_whole - other_part)
    rows, columns = (whole, other_whole), (part + other_part, table[1] + table[3])
    total = whole + other_whole
    if min(*rows, *columns) <= 0:
        return 1.0  # one whole is empty, or all are alike: there is nothing to tell apart
    expected = [row * column / total for row in rows for column in columns]
    if min(expected) >= SMALLEST_EXPECTED:
        return chi_squared_tail(2 * sum(map(_excess, table, expected)), 1)
    return fisher_exact(*map(int, table))


def fisher_exact(first: int, second: int, third: int, fourth: int) -> float:
    """Fisher's exact test of a table (rows first, second and third, fourth), two-sided: all tables of the
    same sums that are no more probable.
    """
    row, column, total = first + second, first + third, first + second + third + fourth
    least, most = max(0, row + column - total), min(row, column)
    fixed = _choices(total, row)
    logarithms = [
        _choices(column, cell) + _choices(total - column, row - cell) - fixed
        for cell in range(least, most + 1)
    ]
    limit = logarithms[first - least] + log(_EQUAL)
    return min(1.0, sum(exp(value) for value in logarithms if value <= limit))


def benjamini_hochberg(p_values: Sequence[float], rate: float) -> list[bool]:
    """Which are significant, so that of those no more than `rate` are expected to be due to chance."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    kept = 0
    for rank, at in enumerate(order, 1):
        if p_values[at] <= rate * rank / len(order):
            kept = rank
    found = [False] * len(order)
    for at in order[:kept]:
        found[at] = True
    return found


def dispersion(
    counts: Sequence[int], expected: Sequence[float], significance: float, *, neighbours: bool = True
) -> float:
    """How many times as much these counts vary as independent events would (1.0), where `expected` gives
    what each is in proportion to: Pearson's chi-squared by its degrees of freedom.

    1.0 also where chance explains the variance (p above `significance`). Where neighbours resemble each
    other, as in a burst that is longer than one count, the sums of two, four, … neighbours vary more than
    the counts: the largest of these is the answer, down to `FEWEST_SUMS` sums; without `neighbours`, that of
    the counts alone.
    """
    largest = 1.0
    for found, wanted in _coarser(list(counts), list(expected)):
        total, room = sum(found), sum(wanted)
        cells = [(count, total * part / room) for count, part in zip(found, wanted, strict=True) if part > 0]
        if len(cells) < 2 or not total:
            break
        statistic = sum((count - mean) ** 2 / mean for count, mean in cells)
        degrees = len(cells) - 1
        if statistic > degrees * largest and chi_squared_tail(statistic, degrees) <= significance:
            largest = statistic / degrees
        if not neighbours:
            break
    return largest


FEWEST_SUMS = 6
"""Sums of neighbours of which `dispersion` still judges the variance."""


def _coarser(counts: list[int], expected: list[float]) -> Iterator[tuple[list[int], list[float]]]:
    yield counts, expected
    while len(counts) >= 2 * FEWEST_SUMS:
        counts = [sum(counts[at : at + 2]) for at in range(0, len(counts), 2)]
        expected = [sum(expected[at : at + 2]) for at in range(0, len(expected), 2)]
        yield counts, expected


def onset(counts: Sequence[float], expected: Sequence[float]) -> int:
    """From which of these counts on they deviate from what is expected: where the sum of the differences so
    far turns (CUSUM, E. S. Page, Biometrika 41, 1954).
    """
    rises = sum(counts) >= sum(expected)
    turn, least, total = 0, inf, 0.0
    for at, (count, mean) in enumerate(zip(counts, expected, strict=True)):
        if total <= least:
            turn, least = at, total
        total += count - mean if rises else mean - count
    return turn


def exceedances(outside: int, after: int, before: int) -> float:
    """The probability that at least `outside` of `after` values are beyond all of `before` earlier ones on
    one side, where all come from one distribution, whichever it is (S. S. Wilks, 1942: by the ranks).
    """
    outside = min(outside, after)
    return exp(sum(log((after - at) / (before + after - at)) for at in range(min(outside, 10_000))))


def distribution_distance(distance: float, before: float, after: float) -> float:
    """The probability of a distance of at least so much between the distribution functions of two samples
    of these sizes (Kolmogorov and Smirnov, two-sided, in Massart's bound; of two small samples it is up to
    1.4 times too small: F. Wei and R. M. Dudley, Statistics and Probability Letters 82, 2012).
    """
    if before <= 0 or after <= 0:
        return 1.0
    return min(1.0, 2 * exp(-2 * distance * distance * before * after / (before + after)))


def _excess(count: float, expected: float) -> float:
    return count * log(count / expected) if count > 0 else 0.0


def _choices(whole: int, part: int) -> float:
    return lgamma(whole + 1) - lgamma(part + 1) - lgamma(whole - part + 1)


def _binomial_tail(successes: int, trials: int, share: float) -> float:
    """The probability of at least so many successes."""
    if successes <= trials * share:
        # The terms grow from here on: those below are added instead.
        return 1.0 - _falling(trials - successes + 1, trials, 1 - share) if successes else 1.0
    return _falling(successes, trials, share)


def _falling(successes: int, trials: int, share: float) -> float:
    """The same, from above the mean on, where each term is smaller than the one before."""
    if successes > trials:
        return 0.0
    term = exp(_choices(trials, successes) + successes * log(share) + (trials - successes) * log1p(-share))
    total = 0.0
    odds = share / (1 - share)
    while term > total * _NEGLIGIBLE and successes <= trials:
        total += term
        term *= odds * (trials - successes) / (successes + 1)
        successes += 1
    return total
