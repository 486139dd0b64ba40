"""What the comparison decides by. `docs/log-model.md` has the table of these."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Each with its reason. Other values give other changes, so they are part of the result."""

    false_discoveries: float = 0.05
    """Of the changes of one family of tests (rates, values, severities) at most this share is expected to be
    due to chance (Benjamini and Hochberg, 1995; 5 % is the customary rate)."""
    fewest_entries: int = 10
    """Of a template in both sets together, below which its rate is not judged. An even split of fewer is
    never significant among a hundred templates: 2 × 0.5 ** 10 = 0.002."""
    smallest_ratio: float = 2.0
    """How many times as frequent, or as rare, a template must have become. CloudWatch, HyperDX and PostHog
    report changes from 2 or 3 times on: what is significant in a large set can still be of no importance."""
    burst_significance: float = 0.01
    """Windows' counts that chance explains with less probability than this are taken for over-dispersed
    (index of dispersion: Cochran, 1954)."""
    unknown_dispersion: float = 5.0
    """How many times as much as chance would let them counts are taken to vary where the entries lie in less
    than six windows (all at about one time), so that bursts cannot be told. A guess on the careful side."""
    fewest_common: int = 5
    """Templates that both sets have, of which the size of the sets is estimated (the median of their ratios:
    S. Anders and W. Huber, Genome Biology 11, 2010). With fewer, it is the number of entries."""
    few_values: int = 10
    """Up to so many distinct values a position is a choice among them, such as a state."""
    seen_each: int = 10
    """How often the baseline must have each of these, and not in one burst, so that none more is likely: with
    none that was seen only once, the estimated probability of an unseen one is 0 (I. J. Good, Biometrika 40,
    1953)."""
    fewest_values: int = 30
    """Numbers in the baseline below which their range is not judged: the 0.95 quantile needs 20."""
    values_per_window: int = 2
    """Values of one window resemble each other (a temperature, a load, a burst): so many of each count as
    independent."""
    smallest_distance: float = 0.4
    """Between the distribution functions of the numbers: as if the median had moved to where only one of ten
    was. What is measured drifts by less from day to day."""
    unique_share: float = 0.9
    """Whole numbers without a unit are identifiers where so many entries have one of their own."""
    counter_margin: float = 0.05
    """Numbers are a counter where the earliest entry's is so near to the least of them, as a part of their
    range, and the latest entry's to the greatest."""
    listed: int = 1000
    """How many changes are listed, the most surprising ones; all are counted."""
    severity_ratio: float = 1.5
    """How many times as large the share of warnings, or of errors, must have become. Less than
    `smallest_ratio`, since of many templates each may have become a little more frequent."""
